#include "proxy/session/backend.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/basic_waitable_timer.hpp>
#include <span>
#include <utility>

namespace smtpguard::session {

namespace {

using Kind = smtp::ClientAction::Kind;
using Stage = smtp::ClientAction::Stage;

constexpr std::size_t kReplyRead = 8192;
// How long a client waits for another's connection to end, and how often it is looked for.
constexpr Milliseconds kPlacePatience{5000};
constexpr Milliseconds kPlaceLook{100};
// How often who waits for a greeting looks whether others have found out that none comes, and when
// it asks for a probe: a backend may be slow with one client because of that client's names.
constexpr Milliseconds kHealthLook{1000};
constexpr Milliseconds kSuspectAfter{5000};
// A probe names no client, so nothing keeps a backend that works from answering it.
constexpr Milliseconds kProbePatience{10000};

}  // namespace

bool lead_to_the_same(const BackendSettings& one, const BackendSettings& other) {
  return addresses_of(one) == addresses_of(other) && one.identity == other.identity &&
         one.tls == other.tls;
}

bool Backend::is_current() const {
  const BackendSettings& now = context_.config->backend;
  const std::vector<Endpoint> addresses = addresses_of(now);
  return settings_.identity == now.identity && settings_.tls == now.tls &&
         std::find(addresses.begin(), addresses.end(), address_) != addresses.end();
}

net::Io Backend::Connection::read_some(std::span<char> into) {
  const net::Io io = tls ? tls->read_some(into) : net::read_some(socket, into);
  reads_after_writing = io.waits_for_other;
  return io;
}

net::Io Backend::Connection::write_some(std::string_view bytes) {
  return tls ? tls->write_some(bytes) : net::write_some(socket, bytes);
}

net::Awaitable<smtp::Reply> Backend::ask(const smtp::Question& question) {
  hear_unasked(question);
  const bool is_new = needs_new_connection(question);
  if (is_new) {
    drop();
    to_try_ = context_.backends.order(addresses_of(settings_));
    begin_connection(*identity_);
  }
  if (!connection_) {
    co_return smtp::unavailable();
  }
  connection_->dialog.ask(question);
  while (true) {
    smtp::ClientDialog& dialog = connection_->dialog;
    smtp::ClientAction action = dialog.next_action();
    const TimePoint deadline = SteadyClock::now() + time_for(action.stage);
    switch (action.kind) {
      case Kind::Connect:
        co_await connect();
        break;
      case Kind::Write:
        context_.log.backend_dialogue(identity_->session_id, "to", action.bytes);
        co_await send(action.bytes, deadline);
        break;
      case Kind::Read:
        if (action.stage == Stage::Greeting && !to_try_.empty()) {
          co_await receive_greeting(deadline);
        } else {
          co_await receive(deadline);
        }
        break;
      case Kind::Handshake:
        co_await shake_hands(deadline);
        break;
      case Kind::Answer:
        if (tries_plaintext(question)) {
          break;
        }
        if (is_new && !wait_.is_aborted() && !lacks_place_) {
          const bool is_up = dialog.is_open() || action.reply != smtp::unavailable();
          if (!std::exchange(is_told_, false)) {
            tell_change(is_up);
          }
          if (!is_up && tries_next(question)) {
            break;
          }
        }
        finish_question();
        co_return std::move(action.reply);
      case Kind::Idle:
        finish_question();
        co_return smtp::unavailable();
    }
  }
}

// What the backend says before it is asked answers nothing: a 421 at the end of its patience, its
// close, or replies that would be taken for the next one's. Behind a message the answer may be
// there.
void Backend::hear_unasked(const smtp::Question& question) {
  while (connection_ && question.kind != smtp::Question::Kind::EndOfData &&
         connection_->dialog.is_open() && read_now()) {
  }
}

bool Backend::needs_new_connection(const smtp::Question& question) const {
  const bool may_begin =
      question.kind == smtp::Question::Kind::Mail || question.kind == smtp::Question::Kind::Learn;
  return may_begin && (!connection_ || !connection_->dialog.is_open());
}

net::Awaitable<void> Backend::connect() {
  Connection& connection = *connection_;
  const bool has_place = co_await find_place();
  lacks_place_ = !has_place;
  if (!has_place) {
    connection.dialog.on_lost("all connections that there may be are taken");
    co_return;
  }
  const auto begun = net::begin_connect(connection.socket, address_);
  if (begun.has_error()) {
    connection.dialog.on_lost(begun.error().text);
    co_return;
  }
  const TimePoint deadline = SteadyClock::now() + settings_.connect_timeout;
  const net::Wake wake = co_await wait_.writable(connection.socket, deadline);
  if (wake != net::Wake::Ready) {
    connection.dialog.on_lost(wake == net::Wake::Deadline ? "connect: timeout"
                                                          : "connect: we are stopping");
    co_return;
  }
  const auto outcome = net::connect_outcome(connection.socket);
  if (outcome.has_error()) {
    connection.dialog.on_lost(outcome.error().text);
    co_return;
  }
  connection.dialog.on_connected();
}

net::Awaitable<void> Backend::shake_hands(TimePoint deadline) {
  Connection& connection = *connection_;
  connection.tls =
      net::TlsStream::begin(settings_.tls_context, connection.socket, net::TlsStream::Role::Client);
  while (connection.tls) {
    const net::Io io = connection.tls->shake_hands();
    if (io.status == net::Io::Status::Done) {
      connection.dialog.on_tls_established();
      co_return;
    }
    if (io.status != net::Io::Status::WouldBlock) {
      const std::string& text = connection.tls->error_text();
      connection.dialog.on_handshake_failed(text.empty() ? net::why(io) : text);
      co_return;
    }
    const net::Wake wake = co_await wait_.ready(connection.socket, deadline, io.waits_for_other);
    if (wake == net::Wake::Abort) {
      connection.dialog.on_lost("we are stopping");
      co_return;
    }
    if (wake == net::Wake::Deadline) {
      connection.dialog.on_handshake_failed("timeout");
      co_return;
    }
  }
  connection.dialog.on_handshake_failed("out of memory");
}

bool Backend::tries_plaintext(const smtp::Question& question) {
  const smtp::ClientDialog& dialog = connection_->dialog;
  if (!dialog.has_failed_handshake() || settings_.tls != smtp::BackendTls::Opportunistic) {
    return false;
  }
  troubles_.push_back({address_, dialog.trouble() + "; going on in plaintext"});
  smtp::ClientIdentity identity = *identity_;
  identity.tls = smtp::BackendTls::Off;
  connection_ = std::make_unique<Connection>(context_.io, std::move(identity));
  connection_->dialog.ask(question);
  return true;
}

void Backend::begin_connection(smtp::ClientIdentity identity) {
  address_ = to_try_.front();
  to_try_.erase(to_try_.begin());
  identity.is_proven = context_.backends.heard_at(address_).has_value();
  connection_ = std::make_unique<Connection>(context_.io, std::move(identity));
}

// Nothing was accepted yet: whatever went wrong on the way to MAIL, another backend may do better.
bool Backend::tries_next(const smtp::Question& question) {
  if (to_try_.empty()) {
    return false;
  }
  note_trouble();
  begin_connection(*identity_);
  connection_->dialog.ask(question);
  return true;
}

net::Awaitable<bool> Backend::find_place() {
  net::asio::basic_waitable_timer<SteadyClock, net::asio::wait_traits<SteadyClock>, net::Executor>
      pause(context_.io.get_executor());
  const TimePoint last = SteadyClock::now() + kPlacePatience;
  while (!wait_.is_aborted()) {
    auto place =
        context_.admission.enter_backend(context_.config->limits, settings_.connections, rank_);
    if (place) {
      connection_->place = std::move(*place);
      co_return true;
    }
    if (SteadyClock::now() >= last) {
      break;
    }
    pause.expires_after(kPlaceLook);
    [[maybe_unused]] const auto outcome = co_await pause.async_wait(net::kUseTuple);
  }
  co_return false;
}

net::Awaitable<void> Backend::send(std::string_view bytes, TimePoint deadline) {
  Connection& connection = *connection_;
  while (!bytes.empty()) {
    const net::Io io = connection.write_some(bytes);
    if (io.status == net::Io::Status::Broken) {
      // The reason may be waiting to be read: a 421 said just before the close.
      if (!read_now()) {
        connection.dialog.on_lost(net::why(io));
      }
      co_return;
    }
    bytes.remove_prefix(io.count);
    if (bytes.empty()) {
      co_return;
    }
    const net::Wake wake = co_await wait_.ready(connection.socket, deadline, !io.waits_for_other);
    if (wake != net::Wake::Ready && wake != net::Wake::Nudge) {
      connection.dialog.on_lost(wake == net::Wake::Deadline ? "timeout in writing"
                                                            : "we are stopping");
      co_return;
    }
  }
}

net::Awaitable<void> Backend::receive(TimePoint deadline) {
  Connection& connection = *connection_;
  while (!read_now()) {
    const net::Wake wake =
        co_await wait_.ready(connection.socket, deadline, connection.reads_after_writing);
    if (wake == net::Wake::Ready || wake == net::Wake::Nudge) {
      continue;  // a nudge is the session's matter and comes to it after the answer
    }
    connection.dialog.on_lost(wake == net::Wake::Deadline ? "timeout" : "we are stopping");
    co_return;
  }
}

net::Awaitable<void> Backend::receive_greeting(TimePoint deadline) {
  Connection& connection = *connection_;
  const TimePoint began = SteadyClock::now();
  while (!read_now()) {
    const TimePoint now = SteadyClock::now();
    if (context_.backends.has_failed_since(address_, began)) {
      is_told_ = true;
      connection.dialog.on_lost("given up, since it failed another session,");
      co_return;
    }
    if (now >= began + kSuspectAfter && context_.backends.suspect(address_, began) &&
        context_.watch_backends) {
      context_.watch_backends();
    }
    const TimePoint next_look = std::min(deadline, now + kHealthLook);
    const net::Wake wake =
        co_await wait_.ready(connection.socket, next_look, connection.reads_after_writing);
    if (wake == net::Wake::Abort) {
      connection.dialog.on_lost("we are stopping");
      co_return;
    }
    if (wake == net::Wake::Deadline && next_look == deadline) {
      // Slow with this client alone: that is nobody else's matter.
      is_told_ = context_.backends.heard_at(address_) >= began;
      connection.dialog.on_lost("timeout");
      co_return;
    }
  }
}

bool Backend::read_now() {
  Connection& connection = *connection_;
  const net::Io io = connection.read_some(std::span(context_.scratch.data(), kReplyRead));
  switch (io.status) {
    case net::Io::Status::WouldBlock:
      return false;
    case net::Io::Status::Done:
      context_.log.backend_dialogue(identity_->session_id, "from",
                                    {context_.scratch.data(), io.count});
      connection.dialog.on_bytes({context_.scratch.data(), io.count});
      break;
    case net::Io::Status::Closed:
    case net::Io::Status::Broken:
      connection.dialog.on_lost(net::why(io));
      break;
  }
  return true;
}

void Backend::finish_question() {
  smtp::ClientDialog& dialog = connection_->dialog;
  if (dialog.has_learned() && is_current()) {
    context_.backends.learned(address_, dialog.capabilities());
  }
  note_trouble();
  if (dialog.is_over()) {
    abort();
  }
}

void Backend::note_trouble() {
  const std::string& text = connection_->dialog.trouble();
  if (text != connection_->noted) {
    connection_->noted = text;
    troubles_.push_back({address_, text});
  }
}

void Backend::tell_change(bool is_up) {
  if (!is_current()) {
    return;
  }
  const TimePoint now = SteadyClock::now();
  const bool is_news =
      is_up ? context_.backends.worked(address_, now) : context_.backends.failed(address_, now);
  if (!is_up && context_.watch_backends) {
    context_.watch_backends();
  }
  if (!is_news) {
    return;
  }
  const std::string address = address_.to_string();
  const std::vector<Endpoint> all = addresses_of(context_.config->backend);
  if (is_up) {
    context_.log.daemon().info(fmt::format("backend {} answers", address));
  } else {
    context_.log.daemon().warning(
        fmt::format("backend {}: {}; {} until it answers", address, connection_->dialog.trouble(),
                    all.size() == 1 ? "messages get 451" : "the others are tried before it"));
  }
  tell_outage(all);
}

// One line for an alarm, however many backends there are.
void Backend::tell_outage(const std::vector<Endpoint>& all) {
  const std::optional<bool> is_outage = context_.backends.outage_news(all);
  if (!is_outage) {
    return;
  }
  if (*is_outage) {
    context_.log.daemon().warning("no backend answers: messages get 451 until one does");
  } else {
    context_.log.daemon().info("a backend answers again: messages are taken");
  }
}

net::Awaitable<bool> Backend::write(std::string_view bytes) {
  if (!connection_) {
    co_return false;
  }
  const TimePoint deadline = SteadyClock::now() + settings_.data_timeout;
  co_await send(bytes, deadline);
  if (connection_->dialog.is_over()) {
    keep_early_refusal();
    finish_question();
    co_return false;
  }
  co_return true;
}

bool Backend::is_silent_in_body() {
  if (!connection_) {
    return false;
  }
  while (!connection_->dialog.is_over()) {
    if (!read_now()) {
      return true;
    }
  }
  keep_early_refusal();
  finish_question();
  return false;
}

void Backend::keep_early_refusal() {
  const auto& early = connection_->dialog.early_refusal();
  early_refusal_ = early ? std::make_unique<const smtp::Reply>(*early) : nullptr;
}

smtp::Reply Backend::refusal() const {
  return early_refusal_ ? *early_refusal_ : smtp::unavailable();
}

void Backend::abort() {
  connection_.reset();
}

void Backend::drop() {
  early_refusal_.reset();
  if (connection_ && connection_->dialog.is_open()) {
    // Not waited for: the answer changes nothing, and the close follows.
    connection_->write_some("QUIT\r\n");
    if (connection_->tls) {
      connection_->tls->close();
    }
  }
  abort();
}

Milliseconds Backend::time_for(Stage stage) const {
  // While one that hangs is probed, so is none of the others.
  if (identity_->is_probe && !context_.config->backend.fallback.empty()) {
    return std::min(kProbePatience, settings_.greeting_timeout);
  }
  switch (stage) {
    case Stage::Greeting:
      return settings_.greeting_timeout;
    case Stage::Data:
      return settings_.data_timeout;
    case Stage::EndOfData:
      return settings_.end_timeout;
    case Stage::Command:
      break;
  }
  return settings_.reply_timeout;
}

}  // namespace smtpguard::session
