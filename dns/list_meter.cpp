#include "dns/list_meter.hpp"

#include <utility>

namespace smtpguard::dns {

const std::string* ListMeter::zone_of(std::string_view name) const {
  const std::string* best = nullptr;
  for (const std::string& zone : zones_) {
    const bool lies_in = name.size() > zone.size() && name.ends_with(zone) &&
                         name[name.size() - zone.size() - 1] == '.';
    if (lies_in && (best == nullptr || zone.size() > best->size())) {
      best = &zone;
    }
  }
  return best;
}

LookupHandle ListMeter::ask(const Question& question, Sink sink) {
  const std::string* const zone = observer_ ? zone_of(question.name) : nullptr;
  if (zone == nullptr) {
    return behind_.ask(question, std::move(sink));
  }
  return behind_.ask(question, [this, zone = *zone, asked_at = loop_.now(),
                                sink = std::move(sink)](const Answer& answer) {
    const auto took = std::chrono::duration_cast<Milliseconds>(loop_.now() - asked_at);
    observer_(zone, answer, took);
    sink(answer);
  });
}

}  // namespace smtpguard::dns
