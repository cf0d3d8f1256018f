// The part of Memory that knows who was told to come back, and who did. A message is known again by
// each of its client's pools, hence by several records; who came back with one need not wait again.
#include <optional>

#include "filters/memory/memory.hpp"

namespace smtpguard::filters::memory {

bool Memory::has_come_back(const Key& client, Moment now) {
  if (table_.find(client, now) == nullptr) {
    return false;
  }
  Record& record = record_of(client, now);
  record.add({}, now);
  record.expires = now + settings_.keep;
  changed(record);
  return true;
}

GreylistAnswer Memory::greylist(const GreylistVisit& visit, Moment now) {
  const Lock lock(mutex_);
  GreylistAnswer answer;
  if (!settings_.is_enabled) {
    answer.has_come_back = true;
    return answer;
  }
  for (const std::string& client : visit.own) {
    const auto key = Key::greylist(client);
    if (key && has_come_back(*key, now)) {
      answer.has_come_back = true;
      answer.by = client;
      return answer;
    }
  }
  Moment first = now;
  for (const std::string& pool : visit.pools) {
    const Record* const known = table_.find(Key::greylist(pool, visit.message), now);
    if (known != nullptr && (answer.by.empty() || known->first_seen < first)) {
      first = known->first_seen;
      answer.by = pool;
    }
  }
  answer.after = between(first, now);
  answer.has_come_back = !answer.by.empty() && answer.after >= settings_.greylist.wait;
  answer.left = answer.has_come_back ? 0s : settings_.greylist.wait - answer.after;
  const auto write = [&](const Key& key, Moment since, Moment until) {
    Record& record = record_of(key, now);
    record.first_seen = since;
    record.last_seen = now;
    record.expires = until;
    changed(record);
  };
  for (const std::string& pool : visit.pools) {
    const Key key = Key::greylist(pool, visit.message);
    if (answer.has_come_back) {
      erase(key);
    } else {
      write(key, first, first + settings_.greylist.window);
    }
  }
  for (const std::string& client : visit.own) {
    if (const auto key = Key::greylist(client); key && answer.has_come_back) {
      write(*key, first, now + settings_.keep);
    }
  }
  return answer;
}

}  // namespace smtpguard::filters::memory
