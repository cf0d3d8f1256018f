#include "filters/verdict.hpp"

#include <fmt/format.h>

namespace smtpguard::filters {

std::string_view to_string(Verdict::Kind kind) {
  switch (kind) {
    case Verdict::Kind::Pass:
      return "pass";
    case Verdict::Kind::Tag:
      return "tag";
    case Verdict::Kind::Greylist:
      return "greylist";
    case Verdict::Kind::Defer:
      return "defer";
    case Verdict::Kind::Refuse:
      return "refuse";
    case Verdict::Kind::Discard:
      return "discard";
    case Verdict::Kind::Drop:
      return "drop";
  }
  return "?";
}

std::string to_string(const Reason& reason) {
  return fmt::format("{}={}", reason.name, to_string(reason.weight));
}

}  // namespace smtpguard::filters
