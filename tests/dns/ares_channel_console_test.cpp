// ConsoleResolver against a name server on loopback, and with answers of a file.
#include "dns/ares_channel_console.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "tests/support/dns_message.hpp"
#include "tests/support/dns_printers.hpp"
#include "tests/support/dns_server.hpp"

namespace smtpguard::dns {
namespace {

using namespace std::chrono_literals;
using test::DnsQuery;
using test::DnsServer;

// Longer than anything that is expected to come.
constexpr Milliseconds kLong = 10s;

std::unique_ptr<ConsoleResolver> asking(const DnsServer& server, Milliseconds budget = kLong) {
  Settings settings;
  settings.servers = {server.endpoint()};
  settings.budget = budget;
  return ConsoleResolver::open(settings).value();
}

std::unique_ptr<ConsoleResolver> answering(std::string_view answers) {
  Settings settings;
  settings.answers = FakeAnswers::parse(answers).value();
  return ConsoleResolver::open(settings).value();
}

std::vector<std::string> answer_well(const DnsQuery& query) {
  test::DnsMessage message(query.question);
  message.id = query.id;
  return {message.answer(test::kTypeA, 60, test::address({127, 0, 0, 2})).octets()};
}

TEST(ConsoleResolver, BringsAllAnswersInOneRun) {
  DnsServer server(answer_well);
  const auto resolver = asking(server);
  std::vector<Answer> got;
  std::vector<LookupHandle> handles;
  for (const char* name : {"a.example", "b.example", "c.example"}) {
    handles.push_back(
        resolver->ask({name, RecordType::A}, [&](const Answer& answer) { got.push_back(answer); }));
  }
  EXPECT_TRUE(got.empty()) << "a sink was called inside ask()";
  EXPECT_TRUE(resolver->run(kLong));
  ASSERT_EQ(got.size(), 3U);
  EXPECT_EQ(got.front().addresses(), std::vector{IpAddress::v4({127, 0, 0, 2})});
}

TEST(ConsoleResolver, ASinkMayAskAgain) {
  const auto resolver = answering("a.example A 60 192.0.2.1\nb.example A 60 192.0.2.2 after=1ms\n");
  std::vector<Outcome> got;
  LookupHandle second;
  const auto first = resolver->ask({"a.example", RecordType::A}, [&](const Answer& answer) {
    got.push_back(answer.outcome);
    second = resolver->ask({"b.example", RecordType::A},
                           [&](const Answer& next) { got.push_back(next.outcome); });
  });
  EXPECT_TRUE(resolver->run(kLong));
  EXPECT_EQ(got, (std::vector{Outcome::Found, Outcome::Found}));
}

TEST(ConsoleResolver, SaysWhatIsOpenWhenTimeIsOver) {
  DnsServer server([](const DnsQuery&) { return std::vector<std::string>(); });
  const auto resolver = asking(server);
  bool is_called = false;
  auto handle =
      resolver->ask({"a.example", RecordType::A}, [&](const Answer&) { is_called = true; });
  EXPECT_FALSE(resolver->run(20ms));
  EXPECT_FALSE(is_called);
  handle.drop();
  EXPECT_TRUE(resolver->run(kLong)) << "nobody waits for what was dropped";
  EXPECT_FALSE(is_called);
}

TEST(ConsoleResolver, AQuestionWhoseOwnTimeIsOverIsAnsweredTimeout) {
  DnsServer server([](const DnsQuery&) { return std::vector<std::string>(); });
  const auto resolver = asking(server, 50ms);
  Outcome outcome = Outcome::Found;
  const auto handle = resolver->ask({"a.example", RecordType::A},
                                    [&](const Answer& answer) { outcome = answer.outcome; });
  EXPECT_TRUE(resolver->run(kLong));
  EXPECT_EQ(outcome, Outcome::Timeout);
}

TEST(ConsoleResolver, EndsWithQuestionsUnderWay) {
  DnsServer server([](const DnsQuery&) { return std::vector<std::string>(); });
  auto resolver = asking(server);
  auto handle = resolver->ask({"a.example", RecordType::A},
                              [](const Answer&) { ADD_FAILURE() << "called after its end"; });
  resolver->run(5ms);
  resolver.reset();
}

TEST(ConsoleResolver, WithoutServersItDoesNotOpen) {
  EXPECT_TRUE(ConsoleResolver::open({}).has_error());
}

}  // namespace
}  // namespace smtpguard::dns
