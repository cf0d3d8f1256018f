// What DataEncoder writes holds the same messages for a strict reader and for lax ones, whatever
// the client sends, however it is cut, and whatever rules it is read by; and nothing of an accepted
// message is changed, but for bare LF where they are line ends.
#include "tests/fuzz/fuzz_support.hpp"
#include "tests/support/smuggling_oracle.hpp"

namespace {

using namespace smtpguard;

// The plain meaning of RFC 5321 4.5.2: what is left of `framed` when stuffing is taken away.
std::string unstuffed(std::string_view framed) {
  std::string out;
  bool at_line_start = true;
  for (std::size_t at = 0; at < framed.size(); ++at) {
    if (!at_line_start || framed[at] != '.') {
      out.push_back(framed[at]);
    }
    at_line_start = out.ends_with("\r\n") && framed[at] == '\n';
  }
  return out;
}

// The bits of the first octet: 1 normalises bare LF, 2 refuses 8-bit text; from 128 on the rest is
// the limit of a line.
smtp::BodyRules rules_from(std::uint8_t choice) {
  smtp::BodyRules rules;
  rules.bare_lf = (choice & 1U) != 0 ? smtp::BareLf::Normalise : smtp::BareLf::Refuse;
  rules.allows_eight_bit = (choice & 2U) == 0;
  if (choice >= 128) {
    rules.line_limit = choice - 128U;
  }
  return rules;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  const smtp::BodyRules rules = rules_from(bytes[0]);
  const std::string_view stream = test::as_text(bytes + 1, size - 1);
  const std::string framed = "\r\n" + std::string(stream);  // behind the line end of DATA
  const std::size_t end = framed.find("\r\n.\r\n");

  const auto cuts = test::fuzz_cuts(stream);
  const test::Relayed expected = test::relay(cuts.front(), rules);
  for (const test::Chunks& chunks : cuts) {
    const test::Relayed relayed = test::relay(chunks, rules);
    const std::string complaint = test::smuggling_complaint(relayed);
    test::require(complaint.empty(), complaint);
    test::require(relayed.fault == expected.fault, "the fault does not depend on the cut");
    test::require(relayed.ended == expected.ended, "the end does not depend on the cut");
    test::require(relayed.rest == expected.rest, "the rest does not depend on the cut");
    test::require(relayed.faults_told == (relayed.fault == smtp::BodyFault::None ? 0U : 1U),
                  "a fault is told once");
    test::require(relayed.ended == (end != std::string::npos), "only CR LF . CR LF ends");
    if (relayed.ended) {
      test::require(relayed.rest == framed.substr(end + 5), "the end is the first there is");
    }
    if (relayed.ended && relayed.fault == smtp::BodyFault::None) {
      const std::string_view body = stream.substr(0, end);
      const bool is_normal = rules.bare_lf == smtp::BareLf::Refuse;
      const std::string due = is_normal ? unstuffed(body) : test::read_normalising(body);
      test::require(relayed.message == due, "the message arrives as it was sent");
      test::require(relayed.octets == relayed.message.size(), "octets are counted");
      const test::Relayed again = test::relay(test::Chunks{relayed.written}, rules);
      test::require(again.message == relayed.message, "and as it was written");
    }
  }
  return 0;
}
