#include "proxy/control/json_text.hpp"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <iterator>

namespace smtpguard::control {
namespace {

void append(std::string& out, const boost::json::value& value) {
  if (const auto* const object = value.if_object()) {
    char before = '{';
    for (const auto& [key, member] : *object) {
      out += before;
      out += boost::json::serialize(boost::json::string(key));
      out += ':';
      append(out, member);
      before = ',';
    }
    out += object->empty() ? "{}" : "}";
  } else if (const auto* const array = value.if_array()) {
    char before = '[';
    for (const auto& element : *array) {
      out += before;
      append(out, element);
      before = ',';
    }
    out += array->empty() ? "[]" : "]";
  } else if (const auto* const number = value.if_double()) {
    fmt::format_to(std::back_inserter(out), "{}", *number);
  } else {
    out += boost::json::serialize(value);
  }
}

}  // namespace

std::string json_text(const boost::json::value& value) {
  std::string out;
  append(out, value);
  return out;
}

}  // namespace smtpguard::control
