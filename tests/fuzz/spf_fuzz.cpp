// SPF records of hostile domains: the input is the TXT record of every name that is asked for, so
// that a record can include itself. The first octets choose how many addresses a host has.
#include <string>

#include "dns/spf.hpp"
#include "dns/spf_walk.hpp"
#include "tests/fuzz/fuzz_support.hpp"

namespace {

using namespace smtpguard;

dns::Answer answer_to(const dns::Question& question, std::string_view text, std::uint8_t count) {
  dns::Answer answer = dns::without_records(dns::Outcome::Found, std::chrono::seconds(60));
  switch (question.type) {
    case dns::RecordType::TXT:
      answer.records().texts = {std::string(text)};
      break;
    case dns::RecordType::MX:
      for (std::uint8_t i = 0; i < count % 32U; ++i) {
        answer.records().exchangers.push_back({i, "mx" + std::to_string(i) + ".example.org"});
      }
      break;
    default:
      for (std::uint8_t i = 0; i < count % 32U; ++i) {
        answer.records().addresses.push_back(IpAddress::v4({192, 0, count, i}));
      }
  }
  return answer;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  const std::string_view text = test::as_text(bytes + 1, size - 1);
  const auto record = dns::parse_spf(text);
  test::require(record.has_value() || !record.error().text.empty(), "an error says something");
  test::require(!record || record->terms.size() <= dns::kMostSpfTerms, "terms are bounded");
  dns::SpfWalk walk("example.org");
  std::size_t asked = 0;
  while (!walk.questions().empty()) {
    const dns::Question question = walk.questions().front();
    walk.answer(question, answer_to(question, text, bytes[0]));
    // A TXT, an MX and two addresses of each exchanger for each look-up.
    test::require(++asked <= 11 * (2 + 2 * dns::kMostSpfExchangers), "look-ups are bounded");
  }
  const dns::SpfOutcome& outcome = walk.outcome();
  test::require(outcome.trouble.empty() || outcome.networks.size() == 0, "trouble exempts nobody");
  for (const char c : outcome.trouble) {
    test::require(static_cast<unsigned char>(c) >= 0x20, "nothing hostile is shown");
  }
  for (const auto address : {IpAddress::v4({9, 9, 9, 9}), IpAddress::v4({250, 1, 1, 1})}) {
    (void)outcome.networks.contains(address);
  }
  return 0;
}
