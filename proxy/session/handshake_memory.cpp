#include "proxy/session/handshake_memory.hpp"

namespace smtpguard::session {

namespace {
IpAddress key_of(const IpAddress& client) {
  return client.is_v4() ? client : client.prefix(64);
}
}  // namespace

void HandshakeMemory::on_failure(const IpAddress& client, Failure failure, TimePoint now,
                                 TimePoint until) {
  const IpAddress key = key_of(client);
  const std::lock_guard lock(mutex_);
  const auto [place, is_new] = entries_.try_emplace(key);
  const bool failed_lately = !is_new && now < place->second.until;
  place->second = {until, failure == Failure::Refused || failed_lately};
  if (!is_new) {
    return;
  }
  order_.push_back(key);
  if (order_.size() > kMost) {
    entries_.erase(order_.front());
    order_.pop_front();
  }
}

void HandshakeMemory::on_success(const IpAddress& client) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(key_of(client));
  if (found != entries_.end()) {
    found->second = {};
  }
}

void HandshakeMemory::forget_all() {
  const std::lock_guard lock(mutex_);
  entries_.clear();
  order_.clear();
}

bool HandshakeMemory::knows(const IpAddress& client, TimePoint now) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(key_of(client));
  return found != entries_.end() && found->second.is_certain && now < found->second.until;
}

std::size_t HandshakeMemory::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

}  // namespace smtpguard::session
