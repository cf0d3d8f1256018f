#include "tests/support/transcript.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>
#include <stdexcept>

#include "conf/base/text.hpp"

namespace smtpguard::test {

namespace {

using Kind = TranscriptLine::Kind;

std::string unescape(std::string_view text) {
  std::string out;
  bool has_line_end = true;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    if (++i == text.size()) {
      has_line_end = false;
      break;
    }
    switch (text[i]) {
      case 'r':
        out += '\r';
        break;
      case 'n':
        out += '\n';
        break;
      case 't':
        out += '\t';
        break;
      case '0':
        out += '\0';
        break;
      case 'x':
        out += static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16));
        i += 2;
        break;
      default:
        out += text[i];
        break;
    }
  }
  return has_line_end ? out + "\r\n" : out;
}

bool take_line(const std::string& line, int number, Transcript& transcript) {
  static const std::vector<std::pair<std::string, Kind>> kMarks = {
      {"C: ", Kind::Client}, {"S: ", Kind::Server},      {"B: ", Kind::Backend},
      {"P: ", Kind::Proxy},  {"C! ", Kind::ClientEvent}, {"B! ", Kind::BackendEvent},
      {"N: ", Kind::Note}};
  for (const auto& [mark, kind] : kMarks) {
    if (line.rfind(mark, 0) == 0 || line + " " == mark) {
      const std::string text = line.size() > mark.size() ? line.substr(mark.size()) : "";
      const bool is_bytes = kind == Kind::Client || kind == Kind::Server || kind == Kind::Backend ||
                            kind == Kind::Proxy;
      transcript.lines.push_back({kind, is_bytes ? unescape(text) : text, number});
      return true;
    }
  }
  if (line.rfind("option: ", 0) == 0) {
    const auto equals = line.find('=');
    transcript.options.emplace_back(line.substr(8, equals - 8), line.substr(equals + 1));
    return true;
  }
  return line.empty();
}

// Gives out the scripted bytes of one side: a run of its lines, once all that we had to say before
// it in the document has been said.
class Script {
 public:
  Script(const Transcript& transcript, Kind kind, Kind event, Cut cut, unsigned seed)
      : cut_(cut), random_(seed) {
    for (const TranscriptLine& line : transcript.lines) {
      const bool continues = !runs_.empty() && last_ == kind && line.kind == kind;
      if (line.kind == kind && !continues) {
        runs_.push_back({line.text, ""});
      } else if (line.kind == kind) {
        runs_.back().bytes += line.text;
      } else if (line.kind == event) {
        runs_.push_back({"", line.text});
      }
      // Notes stand anywhere, and what the other leg says does not part one write in two.
      const bool parts = line.kind == kind || line.kind == event ||
                         (kind == Kind::Client && line.kind == Kind::Server) ||
                         (kind == Kind::Backend && line.kind == Kind::Proxy);
      last_ = parts ? line.kind : last_;
    }
  }

  struct Run {
    std::string bytes;
    std::string event;
  };

  // The event stands right behind what was given out.
  bool at_event(std::string_view name) const {
    const std::size_t run = next_run();
    return run < runs_.size() && runs_[run].event == name;
  }
  void skip() {
    run_ = next_run() + 1;
    at_ = 0;
  }

  std::optional<std::string> next() {
    if (const std::size_t run = next_run(); run != run_) {
      run_ = run;
      at_ = 0;
    }
    if (run_ == runs_.size() || !runs_[run_].event.empty()) {
      return std::nullopt;
    }
    const std::string& bytes = runs_[run_].bytes;
    std::size_t count = bytes.size() - at_;
    if (cut_ == Cut::Bytes) {
      count = 1;
    } else if (cut_ == Cut::Random) {
      count = 1 + random_() % count;
    }
    std::string piece = bytes.substr(at_, count);
    at_ += count;
    return piece;
  }

  // What is left of the run in hand never comes.
  void drain() {
    if (run_ < runs_.size() && runs_[run_].event.empty()) {
      at_ = runs_[run_].bytes.size();
    }
  }

  std::string_view waiting() const {
    return run_ < runs_.size() ? std::string_view(runs_[run_].bytes).substr(at_)
                               : std::string_view();
  }

 private:
  std::size_t next_run() const {
    std::size_t run = run_;
    if (run < runs_.size() && runs_[run].event.empty() && at_ == runs_[run].bytes.size()) {
      ++run;
    }
    return run;
  }

  Cut cut_;
  std::mt19937 random_;
  std::vector<Run> runs_;
  std::size_t run_ = 0;
  std::size_t at_ = 0;
  Kind last_ = Kind::Note;
};

}  // namespace

StageSettings Transcript::settings() const {
  StageSettings settings;
  settings.facts.client = *Endpoint::parse("192.0.2.9:40000");
  settings.facts.listener = *Endpoint::parse("198.51.100.7:25");
  settings.offer.capabilities = smtp::capabilities_before_any_backend();
  settings.offer.message_size = 1'000'000;
  for (const auto& [option, value] : options) {
    if (option == "identity" && value == "proxy-v1") {
      settings.hand_off = smtp::HandOff::ProxyV1;
    } else if (option == "identity" && value == "xclient") {
      settings.hand_off = smtp::HandOff::Xclient;
    } else if (option == "offer" && value == "PIPELINING") {
      settings.offer.pipelining = true;
    } else if (option == "offer" && value == "SMTPUTF8") {
      settings.offer.capabilities.smtp_utf8 = true;
    } else if (option == "offer" && value == "STARTTLS") {
      settings.offer.start_tls = smtp::StartTls::Offered;
    } else if (option == "starttls" && value == "withheld") {
      settings.offer.start_tls = smtp::StartTls::Withheld;
    } else if (option == "backend-tls" && value == "opportunistic") {
      settings.backend_tls = smtp::BackendTls::Opportunistic;
    } else if (option == "backend-tls" && value == "required") {
      settings.backend_tls = smtp::BackendTls::Required;
    } else if (option == "backend-handshake" && value == "fails") {
      settings.backend_handshake_fails = true;
    } else if (option == "handshake" && value == "fails") {
      settings.handshake_fails = true;
    } else if (option == "offer" && value == "DSN") {
      settings.offer.capabilities.dsn = true;
    } else if (option == "access" && value == "deny") {
      settings.rules = rulebook_of("[access]\ndeny = [\"192.0.2.0/24\"]\n");
    } else if (option == "size") {
      settings.size_limit = parse_number(value).value();
      settings.offer.message_size = settings.size_limit;
    } else if (option == "errors") {
      settings.limits.errors = static_cast<std::uint32_t>(parse_number(value).value());
    } else if (option == "commands") {
      settings.limits.commands = static_cast<std::uint32_t>(parse_number(value).value());
    } else if (option == "recipients") {
      settings.limits.recipients = static_cast<std::uint32_t>(parse_number(value).value());
    } else if (option == "transactions") {
      settings.limits.transactions = static_cast<std::uint32_t>(parse_number(value).value());
    } else if (option != "cut") {
      throw std::runtime_error(fmt::format("{}: unknown option {}={}", name, option, value));
    }
  }
  return settings;
}

bool Transcript::is_only_whole() const {
  const std::pair<std::string, std::string> wanted("cut", "whole");
  return std::find(options.begin(), options.end(), wanted) != options.end();
}

std::string Transcript::all(Kind kind) const {
  std::string bytes;
  for (const TranscriptLine& line : lines) {
    if (line.kind == kind) {
      bytes += line.text;
    }
  }
  return bytes;
}

std::vector<Transcript> read_transcripts(const std::string& folder) {
  std::vector<Transcript> all;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".md") {
      continue;
    }
    std::ifstream file(entry.path());
    std::string line;
    std::string heading;
    bool inside = false;
    for (int number = 1; std::getline(file, line); ++number) {
      if (!inside && line.rfind('#', 0) == 0) {
        heading = std::string(trim(line.substr(line.find_first_not_of('#'))));
      } else if (!inside && line == "```smtp") {
        inside = true;
        all.emplace_back();
        all.back().name = fmt::format("{}: {}", entry.path().filename().string(), heading);
      } else if (inside && line == "```") {
        inside = false;
      } else if (inside && !take_line(line, number, all.back())) {
        throw std::runtime_error(
            fmt::format("{}:{}: not a transcript line", entry.path().string(), number));
      }
    }
  }
  const auto by_name = [](const Transcript& a, const Transcript& b) { return a.name < b.name; };
  std::sort(all.begin(), all.end(), by_name);
  return all;
}

Replay replay(const Transcript& transcript, Cut cut, unsigned seed, const Injector& inject) {
  DialogStage stage(transcript.settings());
  Script client(transcript, Kind::Client, Kind::ClientEvent, cut, seed);
  Script backend(transcript, Kind::Backend, Kind::BackendEvent, cut, seed + 1);
  stage.client_says = [&client] { return client.next(); };
  stage.client_waits = [&client] { return client.waiting(); };
  stage.client_is_drained = [&client] { client.drain(); };
  stage.backend_says = [&backend]() -> std::optional<std::string> {
    auto bytes = backend.next();
    if (!bytes && backend.at_event("close")) {
      backend.skip();
    }
    return bytes;
  };
  stage.backend_accepts = [&backend] {
    const bool refuses = backend.at_event("refuse");
    if (refuses) {
      backend.skip();
    }
    return !refuses;
  };
  stage.inject = [&](std::size_t step) {
    if (client.waiting().empty() && client.at_event("timeout")) {
      client.skip();
      return Injection::ClientSlow;
    }
    if (client.waiting().empty() && client.at_event("stop")) {
      client.skip();
      return Injection::Stop;
    }
    return inject(step);
  };
  Replay outcome;
  outcome.ended = stage.run();
  outcome.to_client = stage.to_client();
  for (const std::string& connection : stage.to_backend()) {
    outcome.to_backend += connection;
  }
  for (const smtp::Note& note : stage.notes()) {
    const bool is_pipelining = note.kind == smtp::Note::Kind::Pipelining;
    outcome.notes.push_back(fmt::format("{} after {}", is_pipelining ? "pipelining" : "bare-lf",
                                        smtp::to_string(note.after)));
  }
  outcome.steps = stage.steps();
  outcome.acknowledged = stage.acknowledged();
  outcome.accepted_by_backend = stage.accepted_by_backend();
  outcome.broken_rule_of_tls = stage.broken_rule_of_tls();
  return outcome;
}

}  // namespace smtpguard::test
