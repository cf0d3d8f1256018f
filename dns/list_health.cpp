#include "dns/list_health.hpp"

#include <algorithm>

namespace smtpguard::dns {
namespace {

using Result = SelfTest::Result;

constexpr std::string_view kNobody =
    "see whether the list still exists and answers your resolver; a list without test entries "
    "needs self_test = false";
constexpr std::string_view kNobodyIpv6 =
    "if the list has no IPv6 addresses, say ipv6 = false for it";

SelfTest unanswered(Outcome outcome) {
  SelfTest test{Result::Unknown, "self-test: " + std::string(to_string(outcome))};
  switch (outcome) {
    case Outcome::Timeout:
      test.remedy = "see whether the list still exists, and whether your resolver reaches it";
      break;
    case Outcome::Refused:
      test.remedy =
          "the list or your resolver does not talk to you: use a resolver of your own, and see the "
          "terms of the list";
      break;
    default:
      test.remedy = "ask your resolver why: the servers of the list fail, or refuse it";
  }
  return test;
}

std::string words_of(const ListAnswer& error) {
  return error.codes.front().to_string() + ": " + std::string(error.meaning);
}

SelfTest judged(EntryKind kind, const Answer& presence, const Answer& absence,
                std::span<const CodePattern> counted, ListKind list_kind) {
  // An error code says more than that the entry is there.
  for (const Answer* answer : {&presence, &absence}) {
    const ListAnswer told = judge_list(*answer, counted, list_kind);
    if (told.kind == ListAnswer::Kind::Error) {
      return {Result::Fails, words_of(told), told.remedy};
    }
  }
  if (!absence.addresses().empty()) {
    return {Result::Fails,
            "it lists " + std::string(words_of_test_entry(kind)) + ", so probably everybody",
            "see whether the list still exists; take it out"};
  }
  if (is_trouble(presence.outcome)) {
    return unanswered(presence.outcome);
  }
  // Any code will do: lists give their test entries codes of their own.
  if (presence.addresses().empty()) {
    return {Result::Fails,
            "it does not list its test entry " + std::string(words_of_presence_entry(kind)) +
                ", so probably nobody",
            kind == EntryKind::Ipv6 ? kNobodyIpv6 : kNobody};
  }
  if (is_trouble(absence.outcome)) {
    return unanswered(absence.outcome);
  }
  return {Result::Works, {}};
}

}  // namespace

bool ListHealth::is_slow(std::string_view name) const {
  return std::any_of(slow.begin(), slow.end(), [&](const std::string& zone) {
    return name.size() > zone.size() && name.ends_with(zone) &&
           name[name.size() - zone.size() - 1] == '.';
  });
}

SelfTest judge_self_test(EntryKind kind, const Answer& presence, const Answer& absence,
                         std::span<const CodePattern> counted, ListKind list_kind) {
  SelfTest test = judged(kind, presence, absence, counted, list_kind);
  const bool is_error = judge_list(presence, counted, list_kind).kind == ListAnswer::Kind::Error;
  test.has_listed_entry = !presence.addresses().empty() && !is_error;
  test.has_unlisted_entry = absence.addresses().empty() && !is_trouble(absence.outcome);
  return test;
}

}  // namespace smtpguard::dns
