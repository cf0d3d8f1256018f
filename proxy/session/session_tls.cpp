// The part of Session that goes over to TLS, and remembers with whom that failed.
#include <algorithm>

#include "proxy/session/session.hpp"

namespace smtpguard::session {

// Order matters: what came before our go-ahead is no part of the handshake and no command either.
net::Awaitable<void> Session::start_tls(const smtp::Reply& go_ahead) {
  client_.discard_input();
  const std::string bytes = go_ahead.to_wire();
  const bool taken = co_await client_.write(bytes);
  if (!taken) {
    is_ended_ = true;
    co_return;
  }
  const TimePoint deadline =
      std::min(SteadyClock::now() + config_->tls.handshake_timeout, session_deadline_);
  const std::string trouble = co_await client_.start_tls(config_->tls.context, deadline);
  if (!trouble.empty()) {
    record_.ending = filters::Ending::TlsFailed;
    record_.ending_detail = trouble;
    context_.log.tls_failed(facts_, trouble);
    remember_failed_handshake();
    is_ended_ = true;
    co_return;
  }
  context_.failed_handshakes.on_success(facts_.client.address);
  const TlsFacts agreed = client_.tls()->facts();
  record_.tls = agreed.protocol;
  context_.log.tls(facts_, agreed);
  facts_.helo.clear();
  facts_.is_esmtp = false;
  dialog_.on_tls_established();
  dialog_.set_offer(offer());
  command_deadline_ = SteadyClock::now() + command_time();
}

// Our own clients are somebody who tries, and would not understand.
void Session::remember_failed_handshake() {
  const bool is_ours =
      facts_.standing == filters::Standing::Local || facts_.standing == filters::Standing::Allowed;
  if (is_ours || client_.lost() == ClientChannel::Loss::Aborted) {
    return;
  }
  const bool is_refused = client_.tls() != nullptr && client_.tls()->is_refused();
  const TimePoint now = SteadyClock::now();
  context_.failed_handshakes.on_failure(
      facts_.client.address,
      is_refused ? HandshakeMemory::Failure::Refused : HandshakeMemory::Failure::Cut, now,
      now + config_->tls.retry_after);
}

}  // namespace smtpguard::session
