#include "dns/fake_resolver.hpp"

#include <gtest/gtest.h>

#include <memory>

#include "tests/support/dns_printers.hpp"
#include "tests/support/manual_loop.hpp"

namespace smtpguard::dns {
namespace {

constexpr std::string_view kFile = R"(
# a comment
192.0.2.9              PTR  300  Mail.Example.net. localhost
mail.example.net       A    300  192.0.2.9 192.0.2.10   # two
mail.example.net       A    300  192.0.2.11
mail.example.net       AAAA 60   2001:db8::9
example.net            MX   300  10 mail.example.net 0 .
9.2.0.192.zen.example  TXT  60   "listed, see #1" more
slow.example           A    60   192.0.2.1 after=2s
*.dead.example         ANY  SERVFAIL after=500ms
fine.dead.example      A    60   192.0.2.1
refused.example        A    REFUSED
silent.example         TXT  TIMEOUT
)";

FakeAnswers answers() {
  return FakeAnswers::parse(kFile).value();
}

Answer find(std::string name, RecordType type) {
  return answers().find({std::move(name), type}).answer;
}

Answer found(int ttl) {
  return without_records(Outcome::Found, std::chrono::seconds(ttl));
}

TEST(FakeAnswers, GivesTheRecordsOfEachType) {
  Answer expected = found(300);
  expected.records().names = {"mail.example.net"};
  expected.records().unusable = 1;
  EXPECT_EQ(find("9.2.0.192.in-addr.arpa", RecordType::PTR), expected);
  expected = found(300);
  for (const char* text : {"192.0.2.9", "192.0.2.10", "192.0.2.11"}) {
    expected.records().addresses.push_back(IpAddress::parse(text).value());
  }
  EXPECT_EQ(find("MAIL.example.net.", RecordType::A), expected);
  expected = found(300);
  expected.records().exchangers = {{10, "mail.example.net"}, {0, ""}};
  EXPECT_EQ(find("example.net", RecordType::MX), expected);
  expected = found(60);
  expected.records().texts = {"listed, see #1", "more"};
  EXPECT_EQ(find("9.2.0.192.zen.example", RecordType::TXT), expected);
}

TEST(FakeAnswers, TellsTheOutcomesApart) {
  EXPECT_EQ(find("other.example", RecordType::A).outcome, Outcome::NoSuchName);
  EXPECT_EQ(find("example.net", RecordType::A).outcome, Outcome::NoData);
  EXPECT_EQ(find("refused.example", RecordType::A).outcome, Outcome::Refused);
  EXPECT_EQ(find("silent.example", RecordType::TXT).outcome, Outcome::Timeout);
  EXPECT_EQ(find("a.b.dead.example", RecordType::MX).outcome, Outcome::ServerFailure);
  EXPECT_EQ(find("dead.example", RecordType::MX).outcome, Outcome::NoSuchName);
  EXPECT_EQ(find("fine.dead.example", RecordType::A).outcome, Outcome::Found);
}

TEST(FakeAnswers, NamesTheBadLine) {
  struct Case {
    const char* text;
    const char* error;
  };
  for (const Case& one :
       {Case{"\na.example A 300 192.0.2.1x", "answers: line 2: not values of type A"},
        Case{"a.example A 300 2001:db8::1", "answers: line 1: not values of type A"},
        Case{"a.example MX 300 ten mx.example", "answers: line 1: not values of type MX"},
        Case{"a.example MX 300 10", "answers: line 1: not values of type MX"},
        Case{"a.example SRV 300 x",
             "answers: line 1: SRV: not a type (A, AAAA, PTR, MX, TXT, ANY)"},
        Case{"a.example A", "answers: line 1: name, type and a TTL or an outcome are needed"},
        Case{"a.example A 300",
             "answers: line 1: 300: not an outcome alone, nor a TTL with values of one type"},
        Case{"a.example ANY 300 192.0.2.1",
             "answers: line 1: 300: not an outcome alone, nor a TTL with values of one type"},
        Case{"a.example A SERVFAIL 192.0.2.1",
             "answers: line 1: SERVFAIL: not an outcome alone, nor a TTL with values of one type"},
        Case{"a.example A SERVFAIL after=soon", "answers: line 1: after=soon: not a duration"},
        Case{"a.example TXT 300 \"open", "answers: line 1: a quote is not closed"}}) {
    EXPECT_EQ(FakeAnswers::parse(one.text).error().text, one.error);
  }
}

class FakeResolverTest : public testing::Test {
 protected:
  LookupHandle ask(const char* name) {
    return resolver->ask({name, RecordType::A},
                         [this](const Answer& answer) { got.push_back(answer.outcome); });
  }

  test::ManualLoop loop;
  std::unique_ptr<FakeResolver> resolver = std::make_unique<FakeResolver>(loop, answers());
  std::vector<Outcome> got;
};

TEST_F(FakeResolverTest, AnswersLaterAndOnce) {
  const auto handle = ask("mail.example.net");
  EXPECT_TRUE(got.empty());
  EXPECT_TRUE(handle.is_open());
  loop.run();
  EXPECT_EQ(got, std::vector{Outcome::Found});
  EXPECT_FALSE(handle.is_open());
}

TEST_F(FakeResolverTest, KeepsTheDelayOfTheFile) {
  const auto slow = ask("slow.example");
  const auto dead = ask("x.dead.example");
  loop.advance(Milliseconds(499));
  EXPECT_TRUE(got.empty());
  loop.advance(Milliseconds(1));
  EXPECT_EQ(got, std::vector{Outcome::ServerFailure});
  loop.advance(Milliseconds(1500));
  EXPECT_EQ(got.size(), 2U);
}

TEST_F(FakeResolverTest, ForgetsWhoDroppedTheHandle) {
  auto dropped = ask("slow.example");
  dropped = ask("mail.example.net");
  loop.advance(Milliseconds(5000));
  EXPECT_EQ(got, std::vector{Outcome::Found});
}

TEST_F(FakeResolverTest, IsSilentAfterItsEnd) {
  const auto now = ask("mail.example.net");
  const auto slow = ask("slow.example");
  resolver.reset();
  loop.advance(Milliseconds(5000));
  EXPECT_TRUE(got.empty());
  EXPECT_TRUE(now.is_open());
}

}  // namespace
}  // namespace smtpguard::dns
