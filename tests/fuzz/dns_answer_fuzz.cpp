// Answers from hostile servers: the first octet chooses the type of the question, the rest is the
// message, whose own question (if it has one that can be asked) is taken as asked, so that the
// fuzzer gets past that check.
#include <algorithm>
#include <string>
#include <vector>

#include "dns/message.hpp"
#include "dns/reverse_name.hpp"
#include "tests/fuzz/fuzz_support.hpp"

namespace {

using namespace smtpguard;

// Labels without compression; what does not fit is a name that no message has.
std::string asked_name(const dns::Bytes& message) {
  std::string name;
  for (std::size_t at = 12; at < message.size() && message[at] != 0; at += 1U + message[at]) {
    const std::size_t end = std::min<std::size_t>(message.size(), at + 1U + message[at]);
    name += name.empty() ? "" : ".";
    name.append(message.begin() + static_cast<std::ptrdiff_t>(at) + 1,
                message.begin() + static_cast<std::ptrdiff_t>(end));
  }
  return name.empty() ? "mail.example" : name;
}

std::size_t records_of(const dns::Answer& answer) {
  return answer.addresses().size() + answer.names().size() + answer.exchangers().size() +
         answer.texts().size() + answer.unusable();
}

void check(const dns::Answer& answer, dns::RecordType type) {
  using dns::RecordType;
  test::require((answer.outcome == dns::Outcome::Found) == (records_of(answer) > 0),
                "found means records, and only found does");
  test::require(records_of(answer) <= dns::kMostRecordsKept, "records are bounded");
  test::require(answer.ttl.count() >= 0 && answer.ttl.count() <= 0x7FFFFFFF, "a sane TTL");
  test::require(!dns::is_trouble(answer.outcome) || answer.ttl.count() == 0, "trouble has no TTL");
  test::require(answer.outcome != dns::Outcome::NotAsked && answer.outcome != dns::Outcome::Timeout,
                "an answer is an answer");
  test::require(answer.addresses().empty() || type == RecordType::A || type == RecordType::AAAA,
                "addresses only where they were asked for");
  test::require(answer.names().empty() || type == RecordType::PTR, "names only of a PTR");
  for (const std::string& name : answer.names()) {
    test::require(dns::is_usable_host(name), "a name of a PTR is a host name");
    test::require(dns::write_query({name, RecordType::A}, 1).has_value(), "and can be asked for");
  }
  for (const dns::MailExchanger& exchanger : answer.exchangers()) {
    test::require(exchanger.host.empty() || dns::is_usable_host(exchanger.host),
                  "an exchanger is a host name or nothing");
  }
  for (const std::string& text : answer.texts()) {
    test::require(text.size() <= dns::kMostTextKept, "texts are bounded");
  }
  const std::string shown = dns::to_string(answer);
  test::require(std::all_of(shown.begin(), shown.end(),
                            [](char c) { return static_cast<unsigned char>(c) >= 0x20; }),
                "nothing hostile is shown");
  const auto client = IpAddress::v4({192, 0, 2, 9});
  const auto questions = dns::forward_questions(client, answer);
  test::require(questions.size() <= dns::kMostNamesChecked, "at most five names are checked");
  (void)dns::confirm(client, answer, std::vector<dns::Answer>(questions.size(), answer));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  const dns::RecordType type = dns::kRecordTypes[bytes[0] % std::size(dns::kRecordTypes)];
  const dns::Bytes message(bytes + 1, bytes + size);
  const dns::Question question{asked_name(message), type};
  const dns::Answer answer = dns::parse_answer(message, question);
  check(answer, type);
  test::require(dns::parse_answer(message, question) == answer, "the same again");
  test::require(answer.outcome != dns::Outcome::Found || dns::write_query(question, 1).has_value(),
                "found is only what can be asked");
  return 0;
}
