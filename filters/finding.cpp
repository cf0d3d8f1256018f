#include "filters/finding.hpp"

#include <utility>

namespace smtpguard::filters {

Finding passed(const Test& test) {
  return {.test = &test, .outcome = Outcome::Pass};
}

Finding failed(const Test& test, std::string detail) {
  return {.test = &test, .outcome = Outcome::Fail, .detail = std::move(detail)};
}

Finding not_known(const Test& test, std::string detail) {
  return {.test = &test, .outcome = Outcome::TempError, .detail = std::move(detail)};
}

Finding skipped(const Test& test) {
  return {.test = &test, .outcome = Outcome::Skip};
}

Test::About about_of(const Finding& finding) {
  return finding.about.value_or(finding.test->about);
}

Test::Effect effect_of(const Finding& finding) {
  return finding.effect.value_or(finding.test->effect);
}

std::string name_of(const Finding& finding) {
  std::string name(finding.test->name);
  if (!finding.label.empty()) {
    name += '.';
    name += finding.label;
  }
  return name;
}

std::string_view to_string(Mode mode) {
  switch (mode) {
    case Mode::Off:
      return "off";
    case Mode::Observe:
      return "observe";
    case Mode::Score:
      return "score";
    case Mode::Require:
      return "require";
  }
  return "?";
}

std::string_view to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::Pass:
      return "pass";
    case Outcome::Fail:
      return "fail";
    case Outcome::Skip:
      return "skip";
    case Outcome::TempError:
      return "temperror";
  }
  return "?";
}

std::string to_string(const Weight& weight) {
  return weight.mode == Mode::Score ? std::to_string(weight.score)
                                    : std::string(to_string(weight.mode));
}

}  // namespace smtpguard::filters
