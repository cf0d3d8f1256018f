#include "proxy/session/handshake_memory.hpp"

namespace smtpguard::session {

namespace {
IpAddress key_of(const IpAddress& client) {
  return client.is_v4() ? client : client.prefix(64);
}
}  // namespace

void HandshakeMemory::remember(const IpAddress& client, TimePoint until) {
  const IpAddress key = key_of(client);
  if (!until_.insert_or_assign(key, until).second) {
    return;
  }
  order_.push_back(key);
  if (order_.size() > kMost) {
    until_.erase(order_.front());
    order_.pop_front();
  }
}

bool HandshakeMemory::knows(const IpAddress& client, TimePoint now) const {
  const auto found = until_.find(key_of(client));
  return found != until_.end() && now < found->second;
}

}  // namespace smtpguard::session
