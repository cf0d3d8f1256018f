#include "dns/message.hpp"

#include <gtest/gtest.h>

#include <set>

#include "dns/query_ids.hpp"
#include "tests/support/dns_message.hpp"
#include "tests/support/dns_printers.hpp"

namespace smtpguard::dns {
namespace {

using test::DnsMessage;
using test::Octets;

const Question kAsksA{"mail.example", RecordType::A};
const Question kAsksPtr{"9.2.0.192.in-addr.arpa", RecordType::PTR};
const Question kAsksMx{"example", RecordType::MX};
const Question kAsksTxt{"list.example", RecordType::TXT};

IpAddress ip(std::string_view text) {
  return IpAddress::parse(text).value();
}

Answer read(const Octets& octets, const Question& question) {
  // On the heap and of the exact size, so that ASan sees a step outside.
  const Bytes bytes(octets.begin(), octets.end());
  return parse_answer(bytes, question);
}

Answer read(const DnsMessage& message, const Question& question) {
  return read(message.octets(), question);
}

Answer found(int ttl) {
  return without_records(Outcome::Found, std::chrono::seconds(ttl));
}

TEST(WriteQuery, WritesOneQuestionWithRecursionDesired) {
  const auto query = write_query({"Mail.Example.", RecordType::AAAA}, 0x1234);
  const Octets expected = Octets("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00", 12) +
                          test::wire_name("mail.example") + Octets("\x00\x1c\x00\x01", 4);
  EXPECT_EQ(Octets(query->begin(), query->end()), expected);
}

TEST(WriteQuery, RefusesNamesThatHaveNoForm) {
  const std::string label(63, 'a');
  const std::string longest = label + '.' + label + '.' + label + '.' + std::string(61, 'b');
  EXPECT_TRUE(write_query({longest, RecordType::A}, 1));
  for (const std::string& name : {std::string(), std::string("."), std::string("a..b"),
                                  std::string(".a"), label + "a.example", longest + "b"}) {
    EXPECT_FALSE(write_query({name, RecordType::A}, 1)) << name;
  }
}

TEST(ParseAnswer, ReadsAddressesAndTheSmallestTtl) {
  DnsMessage message(kAsksA);
  message.answer(test::kTypeA, 300, test::address({192, 0, 2, 1}));
  message.answer(test::kTypeA, 200, test::address({192, 0, 2, 2}));
  Answer expected = found(200);
  expected.records().addresses = {ip("192.0.2.1"), ip("192.0.2.2")};
  EXPECT_EQ(read(message, kAsksA), expected);
}

TEST(ParseAnswer, ReadsIpv6) {
  const Question question{"mail.example", RecordType::AAAA};
  DnsMessage message(question);
  message.answer(test::kTypeAaaa, 60, "\x20\x01\x0d\xb8" + Octets(11, '\0') + '\x01');
  Answer expected = found(60);
  expected.records().addresses = {ip("2001:db8::1")};
  EXPECT_EQ(read(message, question), expected);
}

TEST(ParseAnswer, FollowsAChainOfAliasesInAnyOrder) {
  DnsMessage message(kAsksA);
  message.answer(test::wire_name("c.example"), test::kTypeA, 300, test::address({192, 0, 2, 1}));
  message.answer(test::wire_name("B.example"), test::kTypeCname, 50, test::wire_name("c.EXAMPLE"));
  message.answer(test::kTypeCname, 300, test::wire_name("b.example"));
  Answer expected = found(50);
  expected.records().addresses = {ip("192.0.2.1")};
  EXPECT_EQ(read(message, kAsksA), expected);
}

TEST(ParseAnswer, EndsInACircleOfAliases) {
  DnsMessage message(kAsksA);
  message.answer(test::kTypeCname, 300, test::wire_name("b.example"));
  message.answer(test::wire_name("b.example"), test::kTypeCname, 300,
                 test::wire_name("mail.example"));
  EXPECT_EQ(read(message, kAsksA).outcome, Outcome::Malformed);
}

TEST(ParseAnswer, FollowsNoMoreThanEightAliases) {
  for (const int aliases : {8, 9}) {
    DnsMessage message(kAsksA);
    Octets owner = test::pointer(test::kQuestionOffset);
    for (int i = 0; i < aliases; ++i) {
      const Octets next = test::wire_name("n" + std::to_string(i) + ".example");
      message.answer(owner, test::kTypeCname, 300, next);
      owner = next;
    }
    message.answer(owner, test::kTypeA, 300, test::address({192, 0, 2, 1}));
    EXPECT_EQ(read(message, kAsksA).outcome, aliases == 8 ? Outcome::Found : Outcome::Malformed);
  }
}

TEST(ParseAnswer, ReadsRecordsOfOthersAsNothing) {
  DnsMessage message(kAsksA);
  message.answer(test::wire_name("other.example"), test::kTypeA, 300,
                 test::address({192, 0, 2, 1}));
  message.answers.push_back(DnsMessage::record(test::pointer(test::kQuestionOffset), test::kTypeA,
                                               300, test::address({192, 0, 2, 2}), 3));
  message.answer(test::kTypeTxt, 300, test::text_data("x"));
  EXPECT_EQ(read(message, kAsksA), without_records(Outcome::NoData));
}

TEST(ParseAnswer, TellsTheOutcomesApart) {
  struct Case {
    unsigned code;
    Outcome outcome;
  };
  for (const Case& one :
       {Case{0, Outcome::NoData}, Case{1, Outcome::ServerFailure}, Case{2, Outcome::ServerFailure},
        Case{3, Outcome::NoSuchName}, Case{4, Outcome::ServerFailure}, Case{5, Outcome::Refused}}) {
    DnsMessage message(kAsksA);
    EXPECT_EQ(read(message.code(one.code), kAsksA), without_records(one.outcome)) << one.code;
  }
}

TEST(ParseAnswer, BelievesANegativeAnswerAsLongAsTheSoaSays) {
  DnsMessage by_minimum(kAsksA);
  by_minimum.code(3).authority(test::kTypeSoa, 900, test::soa(60));
  EXPECT_EQ(read(by_minimum, kAsksA),
            without_records(Outcome::NoSuchName, std::chrono::seconds(60)));
  DnsMessage by_ttl(kAsksA);
  by_ttl.authority(test::kTypeSoa, 30, test::soa(60));
  EXPECT_EQ(read(by_ttl, kAsksA), without_records(Outcome::NoData, std::chrono::seconds(30)));
}

TEST(ParseAnswer, KeepsOnlyHostNamesOfAPtr) {
  DnsMessage message(kAsksPtr);
  const auto add = [&](const Octets& name) { message.answer(test::kTypePtr, 300, name); };
  add(test::wire_name("Mail.Example.NET"));
  add(test::wire_name("localhost"));       // no dot
  add(test::wire_name("192.0.2.9"));       // an address
  add(test::wire_name("a b.example"));     // a blank
  add(test::wire_name("a\r\nb.example"));  // lines
  add(
      Octets("\x07"
             "a.b.com\x03net\0",
             13));  // dots inside a label
  add(
      Octets("\x03"
             "a\0b\x03net\0",
             9));        // NUL
  add(Octets(1, '\0'));  // the root
  Answer expected = found(300);
  expected.records().names = {"mail.example.net"};
  expected.records().unusable = 7;
  EXPECT_EQ(read(message, kAsksPtr), expected);
}

TEST(ParseAnswer, ReadsMailExchangersAndTheNullMx) {
  DnsMessage message(kAsksMx);
  message.answer(test::kTypeMx, 300, test::exchanger(10, "mx.example"));
  message.answer(test::kTypeMx, 300, test::exchanger(0, ""));
  message.answer(test::kTypeMx, 300, test::exchanger(20, "192.0.2.9"));
  Answer expected = found(300);
  expected.records().exchangers = {{10, "mx.example"}, {0, ""}};
  expected.records().unusable = 1;
  EXPECT_EQ(read(message, kAsksMx), expected);
}

TEST(ParseAnswer, JoinsAndCutsTexts) {
  DnsMessage message(kAsksTxt);
  message.answer(test::kTypeTxt, 300, test::text_data("listed, ") + test::text_data("see\x1b[0m"));
  Octets huge;
  for (int i = 0; i < 8; ++i) {
    huge += test::text_data(std::string(255, 'x'));
  }
  message.answer(test::kTypeTxt, 300, huge);
  Answer expected = found(300);
  expected.records().texts = {"listed, see\x1b[0m", std::string(kMostTextKept, 'x')};
  EXPECT_EQ(read(message, kAsksTxt), expected);
}

TEST(ParseAnswer, KeepsNoMoreThanItsBounds) {
  DnsMessage message(kAsksA);
  for (int i = 0; i < 1000; ++i) {
    message.answer(test::kTypeA, 300, test::address({192, 0, 2, i % 256}));
  }
  EXPECT_EQ(read(message, kAsksA).addresses().size(), kMostRecordsKept);
}

TEST(ParseAnswer, TakesATtlBeyond31BitsAsZero) {
  DnsMessage message(kAsksA);
  message.answer(test::kTypeA, 0x80000000U, test::address({192, 0, 2, 1}));
  EXPECT_EQ(read(message, kAsksA).ttl, std::chrono::seconds(0));
}

TEST(ParseAnswer, WantsTheQuestionThatWasAsked) {
  DnsMessage good(kAsksA);
  EXPECT_EQ(read(good, {"MAIL.example.", RecordType::A}).outcome, Outcome::NoData);
  EXPECT_EQ(read(good, {"mail2.example", RecordType::A}).outcome, Outcome::Malformed);
  EXPECT_EQ(read(good, {"mail.example", RecordType::MX}).outcome, Outcome::Malformed);
  good.questions = 0;
  EXPECT_EQ(read(good, kAsksA).outcome, Outcome::Malformed);
  EXPECT_EQ(read(good.code(5), kAsksA).outcome, Outcome::Refused);
  good.questions = 2;
  EXPECT_EQ(read(good, kAsksA).outcome, Outcome::Malformed);
}

TEST(ParseAnswer, RefusesQueriesOtherOperationsAndTruncation) {
  for (const unsigned flags : {0x0180U, 0x9180U, 0x8380U}) {
    DnsMessage message(kAsksA);
    message.flags = flags;
    EXPECT_EQ(read(message, kAsksA).outcome, Outcome::Malformed) << flags;
  }
}

TEST(ParseAnswer, RefusesEveryShorterPieceOfAGoodAnswer) {
  DnsMessage message(kAsksMx);
  message.answer(test::kTypeMx, 300, test::exchanger(10, "mx.example"));
  const Octets whole = message.octets();
  ASSERT_EQ(read(whole, kAsksMx).outcome, Outcome::Found);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(read(whole.substr(0, size), kAsksMx).outcome, Outcome::Malformed) << size;
  }
}

TEST(ParseAnswer, RefusesNamesThatBreakTheRules) {
  const Octets label = '\x3f' + Octets(63, 'a');
  // Header, question, then pointer, type, class, TTL, length: there the data begin.
  const auto data_at =
      static_cast<unsigned>(12 + test::wire_name(kAsksPtr.name).size() + 4 + 2 + 10);
  for (const Octets& name : {test::pointer(data_at), test::pointer(data_at + 2) + '\0',
                             test::pointer(0), '\x01' + Octets("a") + test::pointer(data_at),
                             Octets("\x40"
                                    "a\0",
                                    3),
                             Octets("\x80", 1), label + label + label + label + '\0',
                             Octets("\x05"
                                    "ab",
                                    3),
                             Octets("\xc0", 1), Octets(), test::wire_name("mail.example") + 'x'}) {
    DnsMessage message(kAsksPtr);
    message.answer(test::kTypePtr, 300, name);
    EXPECT_EQ(read(message, kAsksPtr).outcome, Outcome::Malformed) << testing::PrintToString(name);
  }
}

TEST(ParseAnswer, RefusesDataOfAnotherLengthThanTheTypeHas) {
  struct Case {
    Question question;
    unsigned type;
    Octets data;
  };
  for (const Case& one : {Case{kAsksA, test::kTypeA, test::address({1, 2, 3})},
                          Case{kAsksA, test::kTypeA, test::address({1, 2, 3, 4, 5})},
                          Case{kAsksMx, test::kTypeMx, "\x01"},
                          Case{kAsksTxt, test::kTypeTxt,
                               "\x05"
                               "abc"},
                          Case{kAsksA, test::kTypeCname, test::wire_name("b.example") + "x"}}) {
    DnsMessage message(one.question);
    message.answer(one.type, 300, one.data);
    message.answer(one.type, 300, one.data);  // so that a read beyond the data stays in the message
    EXPECT_EQ(read(message, one.question).outcome, Outcome::Malformed)
        << testing::PrintToString(one.data);
  }
}

TEST(QueryIds, AreNeverInUseTwiceAndEndBeforeTheyGetScarce) {
  QueryIds ids;
  std::set<std::uint16_t> seen;
  for (auto id = ids.draw(); id; id = ids.draw()) {
    EXPECT_TRUE(seen.insert(*id).second);
  }
  EXPECT_EQ(seen.size(), 0x8001U);
  ids.give_back(*seen.begin());
  EXPECT_TRUE(ids.draw());
}

TEST(IsUsableHost, WantsADotAndNoAddress) {
  EXPECT_TRUE(is_usable_host("mail.example.net"));
  EXPECT_TRUE(is_usable_host("192-0-2-9.pool.example.net"));
  for (const char* name : {"", "localhost", "192.0.2.9", "mail.example.net.", "-a.example", "a..b",
                           "a b.example", "m\xc3\xa4il.example"}) {
    EXPECT_FALSE(is_usable_host(name)) << name;
  }
}

TEST(AnswerText, LetsNoHostileByteThrough) {
  Answer answer = found(60);
  answer.records().texts = {"x\x1b[2J\r\n"};
  EXPECT_EQ(to_string(answer), R"(found ttl=60 "x\x1B[2J\r\n")");
  EXPECT_EQ(to_string(Question{"a\nb", RecordType::MX}), R"(a\nb MX)");
}

}  // namespace
}  // namespace smtpguard::dns
