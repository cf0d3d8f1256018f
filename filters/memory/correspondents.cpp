// The part of Memory that knows senders by their domains: by the domain alone where the client's
// confirmed name is of its organisation, else only together with where its mail came from. Anybody
// can say a domain; to come from a network, or to be called so by the DNS, is what he cannot forge.
#include <algorithm>

#include "conf/base/cidr.hpp"
#include "conf/base/text.hpp"
#include "filters/memory/memory.hpp"
#include "filters/names.hpp"

namespace smtpguard::filters::memory {

namespace {

// "192.0.2.9" or "192.0.2.0/24" is the /24, of IPv6 the /64; else a domain. Nothing: neither.
std::optional<std::string> origin_of(std::string_view text) {
  const auto cidr = Cidr::parse(text);
  if (!cidr) {
    const std::string domain = to_lower(without_root_dot(text));
    return is_host_name(domain) ? std::optional(domain) : std::nullopt;
  }
  const int length = cidr->network.is_v4() ? 24 : 64;
  if (cidr->length < length) {
    return {};
  }
  return Cidr{cidr->network.prefix(length), length}.to_string();
}

}  // namespace

std::optional<Correspondent> Memory::recall_sender(const SenderVisit& visit, Moment now) const {
  const Lock lock(mutex_);
  if (!settings_.is_enabled || visit.domain.empty()) {
    return {};
  }
  const auto known = [&](const std::optional<Key>& key) {
    return key ? table_.find(*key, now) : nullptr;
  };
  if (visit.is_confirmed) {
    if (const Record* const record = known(Key::correspondent(visit.domain))) {
      return Correspondent{visit.domain, {}, record->first_seen};
    }
  }
  for (const std::string& origin : visit.origins) {
    if (const Record* const record = known(Key::correspondent(visit.domain, origin))) {
      return Correspondent{visit.domain, origin, record->first_seen};
    }
  }
  return {};
}

void Memory::learn_sender(const SenderVisit& visit, Moment now) {
  const Lock lock(mutex_);
  if (!settings_.is_enabled || visit.domain.empty()) {
    return;
  }
  const auto learn = [&](const std::optional<Key>& key) {
    if (!key) {
      return;
    }
    Record& record = record_of(*key, now);
    record.add({1, 0, 0, 0, 0}, now);
    record.expires = std::max(record.expires, now + settings_.correspondents);
    changed(record);
  };
  if (visit.is_confirmed) {
    learn(Key::correspondent(visit.domain));
  }
  for (const std::string& origin : visit.origins) {
    learn(Key::correspondent(visit.domain, origin));
  }
}

bool Memory::import_sender(std::string_view domain, std::string_view origin, Moment now) {
  std::optional<Key> key = Key::correspondent(domain);
  if (key && !origin.empty()) {
    const auto from = origin_of(origin);
    key = from ? Key::correspondent(domain, *from) : std::nullopt;
  }
  if (!key) {
    return false;
  }
  const Lock lock(mutex_);
  Record& record = record_of(*key, now);
  record.add({}, now);
  record.expires = std::max(record.expires, now + settings_.correspondents);
  changed(record);
  return true;
}

}  // namespace smtpguard::filters::memory
