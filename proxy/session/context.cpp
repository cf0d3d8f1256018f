#include "proxy/session/context.hpp"

#include <random>
#include <string_view>

namespace smtpguard::session {

std::string make_session_id() {
  static constexpr std::string_view kLetters = "0123456789bcdfghjkmnpqrstvwxyzBC";
  static_assert(kLetters.size() == 32);
  static constexpr int kLength = 10;
  thread_local std::mt19937_64 generator{std::random_device{}()};
  std::uint64_t bits = generator();
  std::string id;
  for (int i = 0; i < kLength; ++i) {
    id += kLetters[bits % kLetters.size()];
    bits /= kLetters.size();
  }
  return id;
}

}  // namespace smtpguard::session
