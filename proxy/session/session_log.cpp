#include "proxy/session/session_log.hpp"

#include <fmt/format.h>

#include <chrono>
#include <exception>

#include "conf/base/clock.hpp"

namespace smtpguard::session {

namespace {

using filters::SessionFacts;
using filters::SessionRecord;

constexpr std::size_t kShownBytes = 100;

std::string in_brackets(const smtp::Path& path) {
  return fmt::format("<{}>", path.address());
}

// "SIZE=1000 BODY=8BITMIME"
std::string in_words(const std::vector<smtp::Parameter>& parameters) {
  std::string words;
  for (const smtp::Parameter& parameter : parameters) {
    words += words.empty() ? "" : " ";
    words += parameter.keyword;
    words += parameter.value.empty() ? "" : "=";
    words += parameter.value;
  }
  return words;
}

// `reason` is why we refused; empty where the reply is the backend's.
void add_reply(LogLine& line, const smtp::Reply& reply, std::string_view reason) {
  line.add("reply", reply.summary());
  if (!reason.empty()) {
    line.add("reason", reason);
  }
}

double seconds_between(TimePoint begin, TimePoint end) {
  return std::chrono::duration<double>(end - begin).count();
}

std::string_view access_word(const SessionFacts& facts) {
  switch (facts.access.access) {
    case filters::Access::Allow:
      return "allow";
    case filters::Access::Deny:
      return "deny";
    case filters::Access::Unlisted:
      break;
  }
  return "";
}

void add_misbehaviour(LogLine& line, const filters::Misbehaviour& seen) {
  if (seen.early != 0) {
    line.add_number("early", seen.early);
  }
  if (seen.pipelining != 0) {
    line.add_number("pipelining", seen.pipelining);
  }
  if (seen.bare_lf != 0) {
    line.add_number("bare_lf", seen.bare_lf);
  }
}

void add_how(LogLine& line, const SessionRecord& record) {
  line.add("how", filters::to_string(record.ending));
  if (!record.ending_detail.empty()) {
    line.add("detail", record.ending_detail);
  }
}

void add_envelope(LogLine& line, const SessionRecord& record) {
  if (record.transactions == 0) {
    return;
  }
  line.add("from", record.sender);
  if (!record.recipients.empty()) {
    line.add_list("rcpt", record.recipients);
  }
  if (record.recipients_left_out != 0) {
    line.add_number("rcpt_more", record.recipients_left_out);
  }
}

}  // namespace

template <typename Fill>
void SessionLog::write(Severity severity, const SessionFacts& facts, std::string_view event,
                       const Fill& fill) {
  if (text_.is_heard(severity)) {
    LogLine line(LogLine::Form::Text);
    line.add("session", facts.id).add("event", event);
    fill(line);
    text_.write(severity, std::move(line).finish());
  }
  if (json_.is_heard(severity)) {
    LogLine line(LogLine::Form::Json);
    line.add("time", utc_timestamp()).add("session", facts.id).add("event", event);
    fill(line);
    json_.write(severity, std::move(line).finish());
  }
}

void SessionLog::connect(const SessionFacts& facts, const Endpoint* front_end) {
  if (!events_) {
    return;
  }
  write(Severity::Info, facts, "connect", [&](LogLine& line) {
    line.add("client", facts.client.to_string()).add("listener", facts.listener.to_string());
    if (front_end != nullptr) {
      line.add("front_end", front_end->to_string());
    }
    if (!access_word(facts).empty()) {
      line.add("access", access_word(facts)).add("entry", facts.access.entry.to_string());
    }
  });
}

void SessionLog::early(const SessionFacts& facts, const OutOfTurn& bytes) {
  if (!events_) {
    return;
  }
  write(Severity::Info, facts, "early", [&](LogLine& line) {
    line.add("what", bytes.what).add("after", bytes.after).add_seconds("seconds", bytes.seconds);
    line.add_number("bytes", bytes.count);
    if (!bytes.bytes.empty()) {
      line.add("text", bytes.bytes.substr(0, kShownBytes));
    }
  });
}

void SessionLog::helo(const SessionFacts& facts) {
  if (!events_) {
    return;
  }
  write(Severity::Info, facts, "helo", [&](LogLine& line) {
    line.add("verb", facts.is_esmtp ? "EHLO" : "HELO").add("name", facts.helo);
  });
}

void SessionLog::mail(const SessionFacts& facts, const smtp::Command& command,
                      const smtp::Reply& reply, std::string_view reason) {
  if (!events_) {
    return;
  }
  write(Severity::Info, facts, "mail", [&](LogLine& line) {
    line.add("from", in_brackets(command.path));
    if (!command.parameters.empty()) {
      line.add("parameters", in_words(command.parameters));
    }
    add_reply(line, reply, reason);
  });
}

void SessionLog::rcpt(const SessionFacts& facts, const smtp::Command& command,
                      const smtp::Reply& reply, std::string_view reason) {
  if (!events_) {
    return;
  }
  write(Severity::Info, facts, "rcpt", [&](LogLine& line) {
    line.add("to", in_brackets(command.path));
    if (!command.path.source_route.empty()) {
      line.add("route", command.path.source_route);
    }
    add_reply(line, reply, reason);
  });
}

void SessionLog::data(const SessionFacts& facts, const Body& body, const smtp::Reply& reply,
                      std::string_view reason) {
  if (!events_) {
    return;
  }
  write(Severity::Info, facts, "data", [&](LogLine& line) {
    line.add_number("bytes", body.octets).add_seconds("seconds", body.seconds);
    if (body.normalised != 0) {
      line.add_number("bare_lf", body.normalised);
    }
    add_reply(line, reply, reason);
  });
}

void SessionLog::reply(const SessionFacts& facts, const std::string* said,
                       const smtp::Reply& reply) {
  if (!events_) {
    return;
  }
  write(Severity::Info, facts, "reply", [&](LogLine& line) {
    if (said != nullptr) {
      line.add("command", std::string_view(*said).substr(0, kShownBytes));
    }
    line.add("reply", reply.summary());
  });
}

void SessionLog::backend(const SessionFacts& facts, std::string_view address,
                         std::string_view trouble) {
  write(Severity::Warning, facts, "backend",
        [&](LogLine& line) { line.add("address", address).add("trouble", trouble); });
}

void SessionLog::crash(std::string_view what, const char* why) noexcept {
  ++crashes_;
  try {
    text_.error(
        fmt::format("{} was ended by a fault: {} ({} such since start)", what, why, crashes_));
  } catch (const std::exception&) {
    return;  // counted; the next line tells the number
  }
}

void SessionLog::backend_dialogue(std::string_view session_id, std::string_view direction,
                                  std::string_view bytes) {
  if (!text_.is_heard(Severity::Debug)) {
    return;
  }
  LogLine line(LogLine::Form::Text);
  line.add("session", session_id).add("event", "backend-dialogue");
  text_.debug(std::move(line.add(direction, bytes)).finish());
}

void SessionLog::end(const SessionFacts& facts, const SessionRecord& record, TimePoint now) {
  ++totals_.ended;
  totals_.delivered += record.delivered;
  totals_.refused += record.refused;
  totals_.deferred += record.deferred;
  const double seconds = seconds_between(record.began, now);
  if (events_) {
    write(Severity::Info, facts, "end", [&](LogLine& line) {
      add_how(line, record);
      line.add_seconds("seconds", seconds);
    });
  }
  write(Severity::Info, facts, "summary", [&](LogLine& line) {
    line.add("client", facts.client.to_string()).add("helo", facts.helo);
    add_envelope(line, record);
    line.add_number("delivered", record.delivered).add_number("refused", record.refused);
    line.add_number("deferred", record.deferred).add_number("bytes", record.message_octets);
    if (record.errors != 0) {
      line.add_number("errors", record.errors);
    }
    add_misbehaviour(line, facts.misbehaviour);
    if (!record.backend.empty()) {
      line.add("backend", record.backend);
    }
    if (!record.backend_trouble.empty()) {
      line.add("trouble", record.backend_trouble);
    }
    add_how(line, record);
    line.add_number("commands", record.commands).add_seconds("seconds", seconds);
  });
}

}  // namespace smtpguard::session
