#include "proxy/session/session_log.hpp"
#include "proxy/session/conduct.hpp"

#include <fmt/format.h>

#include <chrono>
#include <exception>

#include "conf/base/clock.hpp"

namespace smtpguard::session {

namespace {

using filters::SessionFacts;
using filters::SessionRecord;

constexpr std::size_t kShownBytes = 100;
constexpr std::size_t kShownEvidence = 300;

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

std::string_view standing_word(filters::Standing standing) {
  switch (standing) {
    case filters::Standing::Local:
      return "local";
    case filters::Standing::Trusted:
      return "trusted";
    case filters::Standing::Allowed:
    case filters::Standing::Stranger:
      break;
  }
  return "";
}

// What the memory has of it, and whether this session has earned it a pass.
std::string_view memory_word(const SessionFacts& facts, const SessionRecord& record) {
  if (facts.remembered.is_known_good) {
    return "known";
  }
  if (record.has_earned_pass) {
    return "learned";
  }
  return facts.remembered.is_seen ? "seen" : "";
}

std::vector<std::string> in_words(const std::vector<filters::Reason>& reasons) {
  std::vector<std::string> words;
  for (const filters::Reason& reason : reasons) {
    words.push_back(to_string(reason));
  }
  return words;
}

std::vector<std::string> names_of(const std::vector<filters::Reason>& reasons) {
  std::vector<std::string> names;
  for (const filters::Reason& reason : reasons) {
    names.push_back(reason.name);
  }
  return names;
}

// Trouble counts for nothing, so it has no score.
void add_weight(LogLine& line, const filters::Reason& reason, bool is_observed) {
  using filters::Mode;
  const filters::Weight& weight = reason.weight;
  line.add("mode", filters::to_string(is_observed ? Mode::Observe : weight.mode));
  if (is_observed && weight.mode != Mode::Observe) {
    line.add("would", filters::to_string(weight));
  } else if (!is_observed && weight.mode == Mode::Score &&
             reason.outcome != filters::Outcome::TempError) {
    line.add("score", filters::to_string(weight));
  }
}

void add_reasons(LogLine& line, std::string_view key, const std::vector<std::string>& words) {
  if (!words.empty()) {
    line.add_list(key, words);
  }
}

// What was decided, why, and what the next stricter posture would have done.
void add_verdict(LogLine& line, const SessionRecord& record) {
  const filters::Verdict& verdict = *record.verdict;
  line.add("verdict", to_string(verdict.kind));
  // Beside a message that was delivered it would not be understood else.
  if (verdict.refuses() && record.delivered != 0 && !record.verdict_about.empty()) {
    line.add("about", record.verdict_about);
  }
  if (!verdict.rule.empty()) {
    line.add("rule", verdict.rule);
  }
  line.add("score", std::to_string(verdict.score)).add("policy", verdict.policy);
  add_reasons(line, "reasons", in_words(verdict.counted));
  add_reasons(line, "observed", in_words(verdict.observed));
  if (verdict.would_be != verdict.kind) {
    line.add("would", to_string(verdict.would_be));
    line.add("would_score", std::to_string(verdict.would_score));
  }
  add_reasons(line, "unknown", names_of(verdict.unknown));
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
  if (seen.auth != 0) {
    line.add_number("auth", seen.auth);
  }
  if (seen.foreign) {
    line.add("protocol", seen.foreign->name);
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

void SessionLog::connect(const SessionFacts& facts, const filters::AccessAnswer& access,
                         const Endpoint* front_end) {
  if (!tells_events_of(facts)) {
    return;
  }
  write(Severity::Info, facts, "connect", [&](LogLine& line) {
    line.add("client", facts.client.to_string()).add("listener", facts.listener.to_string());
    if (front_end != nullptr) {
      line.add("front_end", front_end->to_string());
    }
    if (access.access != filters::Access::Unlisted) {
      line.add("access", to_string(access.access)).add("entry", access.entry);
    }
    if (!standing_word(facts.standing).empty()) {
      line.add("standing", standing_word(facts.standing));
    }
  });
}

void SessionLog::known(const SessionFacts& facts) {
  if (!tells_events_of(facts)) {
    return;
  }
  write(Severity::Info, facts, "memory", [&](LogLine& line) {
    line.add("memory", "known").add("by", facts.remembered.known_by);
    line.add("since", filters::memory::to_string(facts.remembered.since));
  });
}

void SessionLog::blocked(const SessionFacts& facts, const filters::memory::Block& block,
                         bool is_new) {
  write(Severity::Info, facts, "block", [&](LogLine& line) {
    line.add("state", is_new ? "begins" : "holds").add("network", block.network.to_string());
    line.add("until", filters::memory::to_string(block.until)).add("author", block.author);
    line.add("reason", block.reason).add_number("times", block.times);
  });
}

void SessionLog::greylisted(const SessionFacts& facts,
                            const filters::memory::GreylistAnswer& answer) {
  if (!tells_events_of(facts)) {
    return;
  }
  write(Severity::Info, facts, "greylist", [&](LogLine& line) {
    line.add("state", answer.has_come_back ? "came-back" : "waits");
    if (!answer.by.empty()) {
      line.add("by", answer.by);
    }
    line.add_number("after", static_cast<std::uint64_t>(answer.after.count()));
    if (!answer.has_come_back) {
      line.add_number("left", static_cast<std::uint64_t>(answer.left.count()));
    }
  });
}

void SessionLog::early(const SessionFacts& facts, const OutOfTurn& bytes) {
  if (!tells_events_of(facts)) {
    return;
  }
  write(Severity::Info, facts, "early", [&](LogLine& line) {
    line.add("what", bytes.what).add("after", bytes.after).add_seconds("seconds", bytes.seconds);
    line.add_number("bytes", bytes.count);
    if (!bytes.bytes.empty()) {
      line.add("text", without_secrets(bytes.bytes).substr(0, kShownBytes));
    }
  });
}

void SessionLog::helo(const SessionFacts& facts, bool is_starttls_withheld) {
  if (!tells_events_of(facts)) {
    return;
  }
  write(Severity::Info, facts, "helo", [&](LogLine& line) {
    line.add("verb", facts.is_esmtp ? "EHLO" : "HELO").add("name", facts.helo);
    if (is_starttls_withheld) {
      line.add("starttls", "withheld");
    }
  });
}

void SessionLog::tls(const SessionFacts& facts, const TlsFacts& agreed) {
  if (!tells_events_of(facts)) {
    return;
  }
  write(Severity::Info, facts, "tls", [&](LogLine& line) {
    line.add("protocol", agreed.protocol).add("cipher", agreed.cipher);
    if (!agreed.server_name.empty()) {
      line.add("sni", agreed.server_name);
    }
    if (agreed.is_resumed) {
      line.add("resumed", "yes");
    }
  });
}

void SessionLog::tls_failed(const SessionFacts& facts, std::string_view why) {
  if (!tells_events_of(facts)) {
    return;
  }
  write(Severity::Info, facts, "tls", [&](LogLine& line) { line.add("error", why); });
}

void SessionLog::mail(const SessionFacts& facts, const smtp::Command& command,
                      const smtp::Reply& reply, std::string_view reason) {
  if (!tells_events_of(facts)) {
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
  if (!tells_events_of(facts)) {
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

void SessionLog::finding(const SessionFacts& facts, const filters::Reason& reason,
                         std::string_view policy, bool is_observed) {
  if (!tells_events_of(facts)) {
    return;
  }
  write(Severity::Info, facts, "finding", [&](LogLine& line) {
    line.add("test", reason.name).add("outcome", filters::to_string(reason.outcome));
    add_weight(line, reason, is_observed);
    line.add("policy", policy);
    line.add("evidence", std::string_view(reason.detail).substr(0, kShownEvidence));
  });
}

void SessionLog::data(const SessionFacts& facts, const Body& body, const smtp::Reply& reply,
                      std::string_view reason) {
  if (!tells_events_of(facts)) {
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
  if (!tells_events_of(facts)) {
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
  const std::uint64_t number = ++crashes_;
  try {
    text_.error(
        fmt::format("{} was ended by a fault: {} ({} such since start)", what, why, number));
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

void SessionLog::count(const SessionRecord& record) {
  const std::lock_guard lock(counting_);
  ++totals_.ended;
  totals_.delivered += record.delivered;
  totals_.refused += record.refused;
  totals_.deferred += record.deferred;
}

Totals SessionLog::totals() const {
  const std::lock_guard lock(counting_);
  return totals_;
}

void SessionLog::end(const SessionFacts& facts, const SessionRecord& record, TimePoint now) {
  count(record);
  const double seconds = seconds_between(record.began, now);
  if (tells_events_of(facts)) {
    write(Severity::Info, facts, "end", [&](LogLine& line) {
      add_how(line, record);
      line.add_seconds("seconds", seconds);
    });
  }
  write(Severity::Info, facts, "summary", [&](LogLine& line) {
    line.add("client", facts.client.to_string());
    if (!record.asn.empty()) {
      line.add("asn", record.asn);
    }
    line.add("helo", facts.helo);
    add_envelope(line, record);
    line.add_number("delivered", record.delivered).add_number("refused", record.refused);
    line.add_number("deferred", record.deferred).add_number("bytes", record.message_octets);
    if (record.errors != 0) {
      line.add_number("errors", record.errors);
    }
    if (!record.tls.empty()) {
      line.add("tls", record.tls);
    } else if (record.is_starttls_withheld) {
      line.add("starttls", "withheld");
    }
    add_misbehaviour(line, facts.misbehaviour);
    if (record.verdict) {
      add_verdict(line, record);
    }
    if (record.relay_attempts != 0) {
      line.add_number("relay_attempts", record.relay_attempts);
    }
    if (record.discarded != 0) {
      line.add_number("discarded", record.discarded);
    }
    if (record.slowed != 0) {
      line.add_number("slowed", record.slowed);
    }
    if (!record.backend.empty()) {
      line.add("backend", record.backend);
    }
    if (record.backend_trouble) {
      const auto& [address, text] = *record.backend_trouble;
      line.add("trouble", address == record.backend ? text : address + ": " + text);
    }
    if (!memory_word(facts, record).empty()) {
      line.add("memory", memory_word(facts, record));
    }
    line.add("class", to_string(classify(facts, record)));
    add_how(line, record);
    line.add_number("commands", record.commands).add_seconds("seconds", seconds);
  });
}

}  // namespace smtpguard::session
