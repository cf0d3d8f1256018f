#include "dns/query_ids.hpp"

#include <unistd.h>
#if __has_include(<sys/random.h>)
#include <sys/random.h>
#endif

namespace smtpguard::dns {

std::optional<std::uint16_t> QueryIds::draw() {
  // With at most half of all ids in use a free one is found soon; more questions than that under
  // way at one server are trouble anyway.
  if (taken_.size() > 0x8000) {
    return std::nullopt;
  }
  while (true) {
    if (left_ == 0) {
      if (getentropy(stock_.data(), sizeof stock_) != 0) {
        return std::nullopt;
      }
      left_ = stock_.size();
    }
    const std::uint16_t id = stock_[--left_];
    if (taken_.insert(id).second) {
      return id;
    }
  }
}

}  // namespace smtpguard::dns
