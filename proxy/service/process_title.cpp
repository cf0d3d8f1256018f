#include "proxy/service/process_title.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#ifdef __linux__
extern char** environ;
#endif

namespace smtpguard::service {

#ifdef __linux__
namespace {

// The one place of the process that the kernel shows: there can be no second one, and no object
// whose end would give it back.
struct Place {
  char* begin = nullptr;
  std::size_t size = 0;
};
Place& place() {
  static Place only;
  return only;
}

}  // namespace

void claim_process_title(int argc, char* argv[]) {
  if (argc == 0) {
    return;
  }
  char* const begin = argv[0];
  char* end = begin;
  const auto extend = [&](char* text) {
    if (text == end) {
      end += std::strlen(text) + 1;
    }
  };
  for (int i = 0; i < argc; ++i) {
    extend(argv[i]);
  }
  // Never freed: whatever runs at the very end may still ask for a variable.
  static auto* const variables = new std::vector<std::string>;
  static auto* const moved = new std::vector<char*>;
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
    extend(*variable);
    variables->emplace_back(*variable);
  }
  for (std::string& variable : *variables) {
    moved->push_back(variable.data());
  }
  moved->push_back(nullptr);
  environ = moved->data();
  place() = {begin, static_cast<std::size_t>(end - begin)};
}

void set_process_title(const std::string& title) {
  if (place().size == 0) {
    return;
  }
  const std::string whole = "smtpguard: " + title;
  const std::size_t count = std::min(whole.size(), place().size - 1);
  std::memset(place().begin, 0, place().size);
  std::memcpy(place().begin, whole.data(), count);
}

#elif defined(__OpenBSD__) || defined(__FreeBSD__) || defined(__NetBSD__)

void claim_process_title(int /*argc*/, char* /*argv*/[]) {}

void set_process_title(const std::string& title) {
  ::setproctitle("%s", title.c_str());
}

#else

void claim_process_title(int /*argc*/, char* /*argv*/[]) {}

void set_process_title(const std::string& /*title*/) {}

#endif

}  // namespace smtpguard::service
