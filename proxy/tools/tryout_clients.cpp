#include "proxy/tools/tryout_clients.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace smtpguard::tryout {

namespace {

using Clock = std::chrono::steady_clock;

constexpr milliseconds kReplyTime{10'000};
constexpr milliseconds kQuietTime{2'000};

constexpr Step send(std::string_view text) {
  return {Step::Kind::Send, text};
}
constexpr Step kReply{Step::Kind::ReadReply};
constexpr Step kLine{Step::Kind::ReadLine};
constexpr Step kRest{Step::Kind::ReadRest};

constexpr Expectation client_sees(std::string_view text) {
  return {Expectation::Where::Client, text};
}
constexpr Expectation log_tells(std::string_view text) {
  return {Expectation::Where::Log, text};
}
constexpr Expectation log_is_without(std::string_view text) {
  return {Expectation::Where::NotInLog, text};
}
constexpr Expectation kDelivered{Expectation::Where::Delivered};

class Player {
 public:
  Player(Wire& wire, Transcript& transcript) : wire_(wire), transcript_(transcript) {}

  // False: the conversation is over.
  bool take(const Step& step) {
    switch (step.kind) {
      case Step::Kind::Send:
        return say(step.text);
      case Step::Kind::ReadLine:
        return hear(kReplyTime);
      case Step::Kind::ReadReply:
        do {
          if (!hear(kReplyTime)) {
            return false;
          }
        } while (heard_.size() > 3 && heard_[3] == '-');
        return true;
      case Step::Kind::ReadRest:
        while (hear(kQuietTime)) {
        }
        return true;
    }
    return false;
  }

 private:
  bool say(std::string_view text) {
    const bool sent = wire_.write(text);
    while (!text.empty()) {
      const std::size_t end = std::min(text.find("\r\n"), text.size());
      note(true, std::string(text.substr(0, end)));
      text.remove_prefix(std::min(end + 2, text.size()));
    }
    return sent;
  }

  bool hear(milliseconds limit) {
    switch (wire_.read_line(heard_, limit)) {
      case Wire::Got::Line:
        note(false, heard_);
        return true;
      case Wire::Got::Closed:
        note(false, "(closed)");
        return false;
      case Wire::Got::Timeout:
        note(false, "(nothing more)");
        return false;
      case Wire::Got::Stopped:
        return false;
    }
    return false;
  }

  void note(bool by_client, std::string line) {
    const std::chrono::duration<double> since = Clock::now() - began_;
    transcript_.lines.push_back({by_client, since.count(), std::move(line)});
  }

  Wire& wire_;
  Transcript& transcript_;
  Clock::time_point began_ = Clock::now();
  std::string heard_;
};

bool holds(const Expectation& expectation, const Transcript& transcript,
           const std::vector<std::string>& log, const std::vector<StoredMessage>& messages) {
  const auto in_log = [&] {
    return std::any_of(log.begin(), log.end(), [&](const std::string& line) {
      return line.find(expectation.text) != std::string::npos;
    });
  };
  switch (expectation.where) {
    case Expectation::Where::Client:
      return std::any_of(transcript.lines.begin(), transcript.lines.end(), [&](const Spoken& s) {
        return !s.by_client && s.line.starts_with(expectation.text);
      });
    case Expectation::Where::Log:
      return in_log();
    case Expectation::Where::NotInLog:
      return !in_log();
    case Expectation::Where::Delivered:
      return std::any_of(messages.begin(), messages.end(), [&](const StoredMessage& message) {
        return message.client == transcript.client;
      });
  }
  return false;
}

std::string in_words(const Expectation& expectation) {
  switch (expectation.where) {
    case Expectation::Where::Client:
      return fmt::format("the client sees a line that begins with \"{}\"", expectation.text);
    case Expectation::Where::Log:
      return fmt::format("the log holds {}", expectation.text);
    case Expectation::Where::NotInLog:
      return fmt::format("the log is without {}", expectation.text);
    case Expectation::Where::Delivered:
      return "the backend has the message, with this client's address";
  }
  return "";
}

// A client from 203.0.113.7 and the like that says who it is and wants to reach `recipient`; the
// texts are constants.
std::vector<Step> introduces_itself(std::string_view helo, std::string_view recipient) {
  return {kReply, send(helo),      kReply, send("MAIL FROM:<ann@example.net>\r\n"),
          kReply, send(recipient), kReply, send("QUIT\r\n"),
          kRest};
}

constexpr std::string_view kToLenient = "RCPT TO:<lenient@example.org>\r\n";
constexpr std::string_view kToBalanced = "RCPT TO:<balanced@example.org>\r\n";
constexpr std::string_view kToStrict = "RCPT TO:<strict@example.org>\r\n";

}  // namespace

// 203.0.113.7 is a mail server as it should be, 203.0.113.8 an address without a name.
std::string_view answers() {
  return R"(127.0.0.1 PTR 300 mail.example.net
mail.example.net A 300 127.0.0.1
example.net MX 300 10 mail.example.net
203.0.113.7 PTR 300 mail.good-sender.com
mail.good-sender.com A 300 203.0.113.7
mail.good-sender.com MX 300 10 mail.good-sender.com
203.0.113.9 PTR 300 mail.bad-sender.com
mail.bad-sender.com A 300 203.0.113.9
# Both lists answer their self-test, then the one does not talk to us.
2.0.0.127.lists.test A 300 127.0.0.2
9.113.0.203.lists.test A 300 127.0.0.4
2.0.0.127.blocked.test A 300 127.0.0.2
*.113.0.203.blocked.test A 300 127.255.255.254
)";
}

const std::vector<Scenario>& scenarios() {
  static const std::vector<Scenario> all{
      {"an orderly client",
       "waits for each reply and delivers a message",
       {kReply, send("EHLO mail.example.net\r\n"), kReply, send("MAIL FROM:<ann@example.net>\r\n"),
        kReply, send("RCPT TO:<bob@example.org>\r\n"), kReply, send("DATA\r\n"), kReply,
        send("From: Ann <ann@example.net>\r\nTo: Bob <bob@example.org>\r\n"
             "Subject: It works\r\n\r\nHello Bob,\r\n..this line begins with one dot.\r\n.\r\n"),
        kReply, send("QUIT\r\n"), kRest},
       {client_sees("250 2.0.0"), client_sees("221"), kDelivered, log_tells("event=data"),
        log_tells("delivered=1"), log_is_without("event=early")}},
      {"an early talker",
       "does not wait for the greeting, and tries to relay",
       {send("EHLO win-7n1fiecl6ic\r\n"), kReply, kReply, send("MAIL FROM:<offer@example.com>\r\n"),
        kReply, send("RCPT TO:<victim@example.com>\r\n"), kReply, send("QUIT\r\n"), kRest},
       {client_sees("55"), log_tells("what=early"), log_tells("event=rcpt"),
        log_tells("delivered=0")}},
      {"a client that sends two commands at once",
       "reads one line a step: takes the first greeting line for the whole, sends MAIL and RCPT in "
       "one",
       {kLine, send("HELO client.example.org\r\n"), kLine,
        send("MAIL FROM:<fixme@example.org>\r\nRCPT TO:<fixme@example.org>\r\n"), kLine,
        send("DATA\r\n"), kLine,
        send("From: <fixme@example.org>\r\nSubject: test\r\n\r\nasdf\r\n.\r\n"), kLine,
        send("QUIT\r\n"), kRest},
       {log_tells("what=early"), log_tells("what=pipelining"), log_tells("event=summary")}},
      {"a web browser",
       "an HTTP request on the mail port",
       {send("GET / HTTP/1.1\r\nHost: mx.example.org\r\nUser-Agent: Mozilla/5.0\r\n\r\n"), kRest},
       {client_sees("5"), log_tells("GET / HTTP/1.1"), log_tells("delivered=0")}},
      {"a scanner",
       "looks for SSH",
       {kLine, send("SSH-2.0-Go\r\n"), kRest},
       {client_sees("5"), log_tells("SSH-2.0-Go"), log_tells("delivered=0")}},
      {"no name",
       "EHLO without a name: a fault of SMTP, under every posture",
       {kReply, send("EHLO\r\n"), kReply, send("QUIT\r\n"), kRest},
       {client_sees("501 5.5.4"), log_tells("event=summary")},
       "203.0.113.7"},
      {"HELO WIN-7N1FIECL6IC, posture balanced",
       "a name that is not qualified (4), from an address that has none (4): refused",
       introduces_itself("HELO WIN-7N1FIECL6IC\r\n", kToBalanced),
       {client_sees("550 5.7.1 refused"), log_tells("helo.unqualified"), log_tells("rdns.none"),
        log_tells("verdict=refuse")},
       "203.0.113.8"},
      {"HELO localhost.localdomain, posture lenient",
       "taken; the log tells what is only observed",
       introduces_itself("HELO localhost.localdomain\r\n", kToLenient),
       {client_sees("250 2.1.5"), log_tells("helo.reserved"), log_tells("verdict=pass"),
        log_tells("observed=")},
       "203.0.113.7"},
      {"HELO mail.example.org, posture strict",
       "a name out of the documentation",
       introduces_itself("HELO mail.example.org\r\n", kToStrict),
       {client_sees("550 5.7.1 refused"), log_tells("helo.documentation"),
        log_tells("verdict=refuse")},
       "203.0.113.7"},
      {"HELO with our own address, posture lenient",
       "nobody but us has it: refused under every posture",
       introduces_itself("HELO [203.0.113.25]\r\n", kToLenient),
       {client_sees("550 5.7.1 refused"), log_tells("helo.self"), log_tells("verdict=refuse")},
       "203.0.113.7"},
      {"a client on a DNS list, posture balanced",
       "the list says 127.0.0.4, which weighs 8 here",
       introduces_itself("EHLO mail.bad-sender.com\r\n", kToBalanced),
       {client_sees("550 5.7.1 refused"), log_tells("dnsbl.lists"), log_tells("verdict=refuse")},
       "203.0.113.9"},
      {"a DNS list that answers an error code, posture strict",
       "\"you may not ask\" is no listing: it counts for nothing",
       introduces_itself("EHLO mail.good-sender.com\r\n", kToStrict),
       {client_sees("250 2.1.5"), log_tells("127.255.255.254"), log_tells("verdict=pass")},
       "203.0.113.7"},
      {"a relay attempt, posture lenient",
       "a recipient of another site: refused under every posture",
       introduces_itself("EHLO mail.good-sender.com\r\n", "RCPT TO:<victim@example.com>\r\n"),
       {client_sees("550 5.7.1"), log_tells("relay.foreign"), log_tells("verdict=refuse")},
       "203.0.113.7"},
  };
  return all;
}

Transcript play(const Scenario& scenario, Descriptor socket, const Stop& stop) {
  Transcript transcript;
  Wire wire(std::move(socket), stop);
  const std::string_view address = scenario.address.empty() ? "127.0.0.1" : scenario.address;
  transcript.client = fmt::format("{}:{}", address, wire.port());
  if (!scenario.address.empty()) {
    wire.write(fmt::format("PROXY TCP4 {} 203.0.113.25 {} 25\r\n", address, wire.port()));
  }
  Player player(wire, transcript);
  for (const Step& step : scenario.steps) {
    if (!player.take(step)) {
      break;
    }
  }
  return transcript;
}

std::vector<std::string> unmet(const Scenario& scenario, const Transcript& transcript,
                               const std::vector<std::string>& log,
                               const std::vector<StoredMessage>& messages) {
  std::vector<std::string> found;
  for (const Expectation& expectation : scenario.expectations) {
    if (!holds(expectation, transcript, log, messages)) {
      found.push_back(in_words(expectation));
    }
  }
  return found;
}

}  // namespace smtpguard::tryout
