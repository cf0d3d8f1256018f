// The smuggling matrix without sockets: every word of the octets that framing is made of, in the
// middle of a message with a second one behind it, cut at every place. tests/e2e/smuggling.py sends
// the same words into real servers.
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <string_view>

#include "tests/support/cuts.hpp"
#include "tests/support/smtp_printers.hpp"
#include "tests/support/smuggling_oracle.hpp"

namespace smtpguard::smtp {
namespace {

using test::Relayed;

constexpr std::string_view kAlphabet("\r\n\0. \t", 6);
constexpr std::size_t kLongestWord = 5;
constexpr std::string_view kBefore = "Subject: x\r\n\r\ntext";
constexpr std::string_view kInner =
    "MAIL FROM:<evil@b.example>\r\nRCPT TO:<u@example.org>\r\nDATA\r\nx";
constexpr std::string_view kEnd = "\r\n.\r\nQUIT\r\n";

BodyRules rules_of(BareLf bare_lf) {
  BodyRules rules;
  rules.bare_lf = bare_lf;
  return rules;
}

// The next word of all words of one length; false after the last.
bool advance(std::string& word) {
  for (char& c : word) {
    const std::size_t next = kAlphabet.find(c) + 1;
    c = kAlphabet[next % kAlphabet.size()];
    if (next < kAlphabet.size()) {
      return true;
    }
  }
  return false;
}

// Whole, octet by octet, and in two at each place of the word and beside it.
std::vector<test::Chunks> cuts_around(std::string_view stream, std::size_t word_size) {
  std::vector<test::Chunks> all = {test::cut_whole(stream), test::cut_into_bytes(stream)};
  for (std::size_t at = kBefore.size() - 1; at <= kBefore.size() + word_size + 1; ++at) {
    all.push_back({std::string(stream.substr(0, at)), std::string(stream.substr(at))});
  }
  return all;
}

struct Count {
  int words = 0;
  int accepted = 0;
  int refused = 0;
  int ended_in_the_word = 0;  // with CR LF . CR LF, as an end must
};

// One message or none for every reader, its end at the first CR LF . CR LF, whatever the cut.
void check_word(const std::string& word, BareLf bare_lf, Count& count) {
  std::string stream(kBefore);
  stream += word;
  stream += kInner;
  stream += kEnd;
  const std::size_t end = stream.find("\r\n.\r\n");
  const BodyRules rules = rules_of(bare_lf);
  BodyFault fault = BodyFault::None;
  bool is_first = true;
  for (const test::Chunks& chunks : cuts_around(stream, word.size())) {
    const Relayed relayed = test::relay(chunks, rules);
    ASSERT_EQ(test::smuggling_complaint(relayed), "");
    ASSERT_TRUE(relayed.ended);
    ASSERT_EQ(relayed.rest, std::string_view(stream).substr(end + 5));
    ASSERT_TRUE(is_first || fault == relayed.fault);
    fault = relayed.fault;
    is_first = false;
    if (fault == BodyFault::None) {
      ASSERT_EQ(relayed.message, test::read_normalising(stream.substr(0, end + 2)));
    }
  }
  ++count.words;
  ++(fault == BodyFault::None ? count.accepted : count.refused);
  count.ended_in_the_word += end < kBefore.size() + word.size() ? 1 : 0;
}

Count check_all_words(BareLf bare_lf) {
  Count count;
  for (std::size_t size = 1; size <= kLongestWord; ++size) {
    std::string word(size, kAlphabet.front());
    do {
      SCOPED_TRACE(testing::PrintToString(word));
      check_word(word, bare_lf, count);
    } while (!testing::Test::HasFatalFailure() && advance(word));
  }
  return count;
}

TEST(SmugglingMatrix, LeavesOneMessageOrNoneForEveryReader) {
  const Count count = check_all_words(BareLf::Refuse);
  EXPECT_EQ(count.words, 6 + 36 + 216 + 1296 + 7776);
  EXPECT_EQ(count.ended_in_the_word, 1);
  // Made of dot, two blanks and CR LF: a(n) = 3 a(n-1) + a(n-2), summed up.
  EXPECT_EQ(count.accepted, 3 + 10 + 33 + 109 + 360);
  EXPECT_EQ(count.refused, 8815);
}

TEST(SmugglingMatrix, LeavesOneMessageOrNoneWhereBareLfIsNormalised) {
  const Count count = check_all_words(BareLf::Normalise);
  EXPECT_EQ(count.words, 6 + 36 + 216 + 1296 + 7776);
  EXPECT_EQ(count.ended_in_the_word, 1);
  // And of LF: a(n) = 4 a(n-1) + a(n-2).
  EXPECT_EQ(count.accepted, 4 + 17 + 72 + 305 + 1292);
  EXPECT_EQ(count.refused, 7640);
}

// What a server keeps of what it was sent, by the plain words of RFC 5321 4.5.2.
std::string read_by_a_server(std::string_view wire) {
  std::string kept;
  while (!wire.empty()) {
    const std::size_t end = wire.find("\r\n");
    std::string_view line = wire.substr(0, end);
    wire.remove_prefix(end == std::string_view::npos ? wire.size() : end + 2);
    if (line == ".") {
      return kept;
    }
    if (line.starts_with('.')) {
      line.remove_prefix(1);
    }
    kept += line;
    kept += "\r\n";
  }
  return "no end of data";
}

std::string stuffed(std::string_view message) {
  std::string wire;
  bool at_line_start = true;
  for (const char c : message) {
    if (at_line_start && c == '.') {
      wire += '.';
    }
    wire += c;
    at_line_start = c == '\n';
  }
  return wire + ".\r\n";
}

// Lines of all lengths, of all octets that text may hold, many of them dots.
class RandomMessages {
 public:
  std::string next() {
    std::string message;
    for (std::size_t lines = below(30); lines > 0; --lines) {
      message.append(below(4) == 0 ? below(4) : 0, '.');
      const std::size_t length = below(20) == 0 ? below(3000) : below(80);
      for (std::size_t octets = 0; octets < length; ++octets) {
        const char c = static_cast<char>(below(256));
        message += c == '\r' || c == '\n' || c == '\0' ? '.' : c;
      }
      message += "\r\n";
    }
    return message;
  }

 private:
  std::size_t below(std::size_t limit) {
    return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random_);
  }
  std::mt19937 random_{20260816};
};

TEST(RandomMessages, ArriveOctetForOctetHoweverTheyAreCut) {
  constexpr unsigned kMessages = 10'000;
  RandomMessages messages;
  for (unsigned number = 0; number < kMessages; ++number) {
    const std::string message = messages.next();
    const std::string wire = stuffed(message);
    const BareLf bare_lf = number % 2 == 0 ? BareLf::Refuse : BareLf::Normalise;
    const Relayed relayed = test::relay(test::cut_at_random(wire, number), rules_of(bare_lf));
    ASSERT_TRUE(relayed.ended) << "message " << number;
    ASSERT_EQ(relayed.written, wire) << "message " << number;
    ASSERT_TRUE(read_by_a_server(relayed.written) == message) << "message " << number;
    ASSERT_EQ(relayed.octets, message.size()) << "message " << number;
  }
}

}  // namespace
}  // namespace smtpguard::smtp
