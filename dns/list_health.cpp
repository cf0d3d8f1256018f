#include "dns/list_health.hpp"

namespace smtpguard::dns {
namespace {

constexpr std::string_view kNobody =
    "see whether the list still exists and answers your resolver; a list without test entries "
    "needs "
    "self_test = false";

std::string words_of(const ListAnswer& error) {
  return error.codes.front().to_string() + ": " + std::string(error.meaning);
}

}  // namespace

SelfTest judge_self_test(const Answer& presence, const Answer& absence,
                         std::span<const CodePattern> counted, ListKind kind) {
  using Result = SelfTest::Result;
  // An error code says more than that the entry is there.
  for (const Answer* answer : {&presence, &absence}) {
    const ListAnswer told = judge_list(*answer, counted, kind);
    if (told.kind == ListAnswer::Kind::Error) {
      return {Result::Fails, words_of(told), told.remedy};
    }
  }
  if (!absence.addresses.empty()) {
    return {Result::Fails, "it lists 127.0.0.1, so probably everybody",
            "see whether the list still exists; take it out"};
  }
  if (is_trouble(presence.outcome)) {
    return {Result::Unknown, "self-test: " + std::string(to_string(presence.outcome))};
  }
  // Any code will do: lists give their test entries codes of their own.
  if (presence.addresses.empty()) {
    return {Result::Fails, "it does not list its test entry 127.0.0.2, so probably nobody",
            kNobody};
  }
  if (is_trouble(absence.outcome)) {
    return {Result::Unknown, "self-test: " + std::string(to_string(absence.outcome))};
  }
  return {Result::Works, {}};
}

}  // namespace smtpguard::dns
