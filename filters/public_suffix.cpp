#include "filters/public_suffix.hpp"

#include <libpsl.h>

#include <string>

#include "conf/base/text.hpp"

namespace smtpguard::filters {
namespace {

// A libpsl that was built without the list knows nothing: then a top-level domain is a suffix.
bool is_suffix(const std::string& name, std::size_t begin, Suffixes suffixes) {
  const psl_ctx_t* list = psl_builtin();
  if (list == nullptr) {
    return name.find('.', begin) == std::string::npos;
  }
  const int kind = suffixes == Suffixes::Registries ? PSL_TYPE_ICANN : PSL_TYPE_ANY;
  return psl_is_public_suffix2(list, name.c_str() + begin, kind) != 0;
}

}  // namespace

std::string_view organisational_domain(std::string_view name, Suffixes suffixes) {
  if (!is_host_name(name)) {
    return {};
  }
  const std::string lower = to_lower(name);
  // From the left, so that the longest suffix is found.
  std::size_t before = std::string::npos;
  for (std::size_t begin = 0; begin < lower.size();) {
    if (is_suffix(lower, begin, suffixes)) {
      return before == std::string::npos ? std::string_view() : name.substr(before);
    }
    before = begin;
    const std::size_t dot = lower.find('.', begin);
    if (dot == std::string::npos) {
      break;
    }
    begin = dot + 1;
  }
  return {};
}

}  // namespace smtpguard::filters
