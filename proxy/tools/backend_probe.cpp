#include "proxy/tools/backend_probe.hpp"

#include <fmt/format.h>
#include <poll.h>

#include <array>
#include <boost/json.hpp>
#include <memory>
#include <span>
#include <utility>
#include <variant>

#include "conf/base/escape.hpp"
#include "conf/base/text.hpp"
#include "proxy/control/json_text.hpp"
#include "proxy/net/tcp.hpp"
#include "proxy/net/tls_stream.hpp"
#include "proxy/smtp/client_dialog.hpp"

namespace smtpguard::tools {
namespace {

namespace json = boost::json;
using Kind = smtp::ClientAction::Kind;
using Relay = BackendProbe::Relay;

// Nobody waits longer at a terminal; the daemon has the times of [backend].
constexpr Milliseconds kPatience{10'000};
constexpr std::string_view kStranger = "smtpguard-probe@example.com";

// The daemon's own dialog with a backend, over a socket that is waited for here and now.
class Conversation {
 public:
  Conversation(const session::BackendSettings& settings, const Endpoint& backend,
               smtp::ClientIdentity identity)
      : settings_(settings), backend_(backend), dialog_(std::move(identity)) {}

  smtp::Reply ask(smtp::Question question) {
    dialog_.ask(std::move(question));
    while (true) {
      smtp::ClientAction action = dialog_.next_action();
      switch (action.kind) {
        case Kind::Connect:
          connect();
          break;
        case Kind::Write:
          write(action.bytes);
          break;
        case Kind::Read:
          read();
          break;
        case Kind::Handshake:
          shake_hands();
          break;
        case Kind::Answer:
          return std::move(action.reply);
        case Kind::Idle:
          return smtp::unavailable();
      }
    }
  }

  smtp::Reply ask(smtp::Question::Kind kind, const std::string& line) {
    return ask({kind, std::get<smtp::Command>(smtp::parse_command(line))});
  }

  void quit() {
    if (dialog_.is_open()) {
      write("QUIT\r\n");
    }
  }

  const smtp::ClientDialog& dialog() const { return dialog_; }
  std::string protocol() const { return tls_ ? tls_->facts().protocol : std::string(); }

 private:
  // False: the time is over.
  bool wait(bool to_write) {
    pollfd watched{socket_.native_handle(), static_cast<short>(to_write ? POLLOUT : POLLIN), 0};
    return ::poll(&watched, 1, static_cast<int>(kPatience.count())) > 0;
  }

  void connect() {
    const auto begun = net::begin_connect(socket_, backend_);
    if (begun.has_error()) {
      dialog_.on_lost(begun.error().text);
      return;
    }
    if (!wait(true)) {
      dialog_.on_lost("connect: timeout");
      return;
    }
    const auto outcome = net::connect_outcome(socket_);
    if (outcome.has_error()) {
      dialog_.on_lost(outcome.error().text);
      return;
    }
    dialog_.on_connected();
  }

  void write(std::string_view bytes) {
    while (!bytes.empty()) {
      const net::Io io = tls_ ? tls_->write_some(bytes) : net::write_some(socket_, bytes);
      if (io.status == net::Io::Status::WouldBlock ? !wait(!io.waits_for_other)
                                                   : io.status != net::Io::Status::Done) {
        dialog_.on_lost(io.status == net::Io::Status::WouldBlock ? "timeout" : net::why(io));
        return;
      }
      bytes.remove_prefix(io.count);
    }
  }

  void read() {
    std::array<char, 8192> buffer{};
    while (true) {
      const net::Io io = tls_ ? tls_->read_some(buffer) : net::read_some(socket_, buffer);
      if (io.status == net::Io::Status::Done) {
        dialog_.on_bytes({buffer.data(), io.count});
        return;
      }
      if (io.status != net::Io::Status::WouldBlock) {
        dialog_.on_lost(net::why(io));
        return;
      }
      if (!wait(io.waits_for_other)) {
        dialog_.on_lost("timeout");
        return;
      }
    }
  }

  void shake_hands() {
    tls_ = net::TlsStream::begin(settings_.tls_context, socket_, net::TlsStream::Role::Client);
    while (tls_) {
      const net::Io io = tls_->shake_hands();
      if (io.status == net::Io::Status::Done) {
        dialog_.on_tls_established();
        return;
      }
      if (io.status != net::Io::Status::WouldBlock) {
        dialog_.on_handshake_failed(tls_->error_text().empty() ? net::why(io) : tls_->error_text());
        return;
      }
      if (!wait(io.waits_for_other)) {
        break;
      }
    }
    dialog_.on_handshake_failed("timeout");
  }

  const session::BackendSettings& settings_;
  Endpoint backend_;
  net::asio::io_context io_{1};
  net::Socket socket_{io_.get_executor()};
  std::unique_ptr<net::TlsStream> tls_;
  smtp::ClientDialog dialog_;
};

smtp::ClientIdentity identity_for(const session::RuntimeConfig& config, const Endpoint& backend,
                                  const Endpoint& client) {
  smtp::ClientIdentity identity;
  identity.hand_off = config.backend.identity;
  identity.client = client;
  // Of the client's family, as a PROXY header must have it; where it came to matters to nobody.
  identity.destination =
      backend.address.is_v4() == client.address.is_v4() ? backend : Endpoint{client.address, 25};
  identity.helo = config.hostname;
  identity.hostname = config.hostname;
  identity.session_id = "probe";
  identity.tls = config.backend.tls;
  return identity;
}

Relay relay_of(const smtp::Reply& reply) {
  if (reply.is_positive()) {
    return Relay::Open;
  }
  return reply.is_permanent_failure() ? Relay::Refused : Relay::Deferred;
}

std::string offers(const smtp::Capabilities& has) {
  std::vector<std::string> words;
  if (has.has_size) {
    words.push_back(has.size == 0 ? std::string("SIZE") : fmt::format("SIZE {}", has.size));
  }
  for (const auto& [is_there, word] : {std::pair{has.eight_bit_mime, "8BITMIME"},
                                       {has.smtp_utf8, "SMTPUTF8"},
                                       {has.dsn, "DSN"},
                                       {has.start_tls, "STARTTLS"},
                                       {!has.xclient.empty(), "XCLIENT"}}) {
    if (is_there) {
      words.emplace_back(word);
    }
  }
  return words.empty() ? std::string("nothing that smtpguard carries")
                       : fmt::format("{}", fmt::join(words, ", "));
}

std::string_view word_of(Relay relay) {
  switch (relay) {
    case Relay::NotAsked:
      return "not-asked";
    case Relay::Refused:
      return "refused";
    case Relay::Deferred:
      return "deferred";
    case Relay::Open:
      break;
  }
  return "open";
}

std::string sentence_of(const BackendProbe& probe) {
  switch (probe.relay) {
    case Relay::NotAsked:
      return fmt::format("not asked, since MAIL was answered {}", probe.mail_reply);
    case Relay::Refused:
      return fmt::format("refuses foreign recipients: {}", probe.relay_reply);
    case Relay::Deferred:
      return fmt::format("not known: {}", probe.relay_reply);
    case Relay::Open:
      break;
  }
  return fmt::format(
      "RELAYS FOR STRANGERS: {}; take smtpguard's address out of its trusted networks (Postfix: "
      "mynetworks; Exim: relay hosts). smtpguard refuses foreign recipients itself, but nothing "
      "else stands between",
      probe.relay_reply);
}

BackendProbe probe_with(const session::RuntimeConfig& config, const Endpoint& backend,
                        const smtp::ClientIdentity& identity) {
  BackendProbe probe;
  probe.address = backend;
  probe.identity = config.backend.identity;
  Conversation talk(config.backend, backend, identity);
  const TimePoint began = SteadyClock::now();
  talk.ask({});
  probe.took = std::chrono::duration_cast<Milliseconds>(SteadyClock::now() - began);
  probe.capabilities = talk.dialog().capabilities();
  probe.tls = talk.protocol();
  if (!talk.dialog().is_open()) {
    probe.trouble = talk.dialog().trouble();
    probe.has_failed_handshake = talk.dialog().has_failed_handshake();
    return probe;
  }
  const smtp::Reply mail = talk.ask(smtp::Question::Kind::Mail, "MAIL FROM:<>");
  probe.mail_reply = escape(mail.summary());
  if (mail.is_positive()) {
    const smtp::Reply reply =
        talk.ask(smtp::Question::Kind::Rcpt, fmt::format("RCPT TO:<{}>", kStranger));
    probe.relay = relay_of(reply);
    probe.relay_reply = escape(reply.summary());
  }
  probe.trouble = talk.dialog().trouble();
  talk.quit();
  return probe;
}

}  // namespace

BackendProbe probe_backend(const session::RuntimeConfig& config, const Endpoint& backend,
                           const Endpoint& client) {
  const smtp::ClientIdentity identity = identity_for(config, backend, client);
  BackendProbe probe = probe_with(config, backend, identity);
  if (!probe.has_failed_handshake || identity.tls != smtp::BackendTls::Opportunistic) {
    return probe;
  }
  // As the daemon does: plaintext will do, in another connection.
  const std::string why = std::move(probe.trouble);
  smtp::ClientIdentity plain = identity;
  plain.tls = smtp::BackendTls::Off;
  probe = probe_with(config, backend, plain);
  probe.tls = fmt::format("failed ({}), so plaintext", escape(why));
  return probe;
}

std::string in_words(const BackendProbe& probe) {
  std::string text = fmt::format("backend {} ({})\n", probe.address.to_string(),
                                 session::to_string(probe.identity));
  if (!probe.trouble.empty()) {
    text += fmt::format("  trouble  {}\n", escape(probe.trouble));
    return text;
  }
  text += fmt::format("  hello    answered after {}; offers {}\n", format_duration(probe.took),
                      offers(probe.capabilities));
  text += fmt::format("  TLS      {}\n", probe.tls.empty() ? "none, plaintext" : probe.tls);
  text += fmt::format("  MAIL     {}\n", probe.mail_reply);
  text += fmt::format("  relay    {}\n", sentence_of(probe));
  return text;
}

std::string in_json(const std::vector<BackendProbe>& probes) {
  json::array out;
  for (const BackendProbe& probe : probes) {
    out.push_back(json::object{{"address", probe.address.to_string()},
                               {"identity", session::to_string(probe.identity)},
                               {"good", probe.is_good()},
                               {"trouble", escape(probe.trouble)},
                               {"milliseconds", probe.took.count()},
                               {"offers", offers(probe.capabilities)},
                               {"tls", probe.tls},
                               {"mail", probe.mail_reply},
                               {"relay", word_of(probe.relay)},
                               {"relay_reply", probe.relay_reply}});
  }
  return control::json_text(out);
}

}  // namespace smtpguard::tools
