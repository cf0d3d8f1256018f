// AresChannel against a real socket. Waits are short settings of the channel, never sleeps.
#include "dns/ares_channel.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "tests/support/dns_message.hpp"
#include "tests/support/dns_printers.hpp"
#include "tests/support/dns_server.hpp"

namespace smtpguard::dns {
namespace {

using test::DnsMessage;
using test::DnsQuery;
using test::DnsServer;
using test::Octets;
using Replies = std::vector<Octets>;

const Question kQuestion{"mail.example", RecordType::A};

DnsMessage reply_to(const DnsQuery& query) {
  DnsMessage message(query.question);
  message.id = query.id;
  return message;
}

DnsMessage good_reply(const DnsQuery& query) {
  return reply_to(query).answer(test::kTypeA, 60, test::address({192, 0, 2, 1}));
}

Answer good_answer() {
  Answer answer = without_records(Outcome::Found, std::chrono::seconds(60));
  answer.records().addresses = {IpAddress::v4({192, 0, 2, 1})};
  return answer;
}

Replies answer_well(const DnsQuery& query) {
  return {good_reply(query).octets()};
}
Replies say_nothing(const DnsQuery& /*query*/) {
  return {};
}
DnsServer::Handler answer_code(unsigned code) {
  return [code](const DnsQuery& query) { return Replies{reply_to(query).code(code).octets()}; };
}

// Nobody listens there: the port was free a moment ago.
Endpoint nobody() {
  return DnsServer(say_nothing).endpoint();
}

class AresChannelTest : public testing::Test {
 protected:
  // Patient where an answer is expected: a busy machine is no fault.
  void open(std::vector<Endpoint> servers, Milliseconds patience = Milliseconds(2000),
            Milliseconds budget = Milliseconds(4000)) {
    ChannelSettings settings;
    settings.servers = std::move(servers);
    settings.patience = patience;
    settings.budget = budget;
    open(settings);
  }
  void open(const ChannelSettings& settings) {
    channel = AresChannel::open(loop, settings).value();
  }
  LookupHandle ask(const Question& question = kQuestion) {
    return channel->ask(question, [this](const Answer& answer) { got.push_back(answer); });
  }
  // Until nothing is left to do: a forgotten timer or descriptor would be a time-out here.
  void run() {
    io.restart();
    io.run_for(std::chrono::seconds(5));
    EXPECT_TRUE(io.stopped()) << "something is left in the loop";
  }
  Outcome outcome() {
    got.clear();
    const auto handle = ask();
    EXPECT_TRUE(got.empty()) << "the sink was called inside ask()";
    run();
    EXPECT_EQ(got.size(), 1U);
    return got.empty() ? Outcome::NotAsked : got.front().outcome;
  }

  boost::asio::io_context io{1};
  AsioLoop loop{io};
  std::unique_ptr<AresChannel> channel;
  std::vector<Answer> got;
};

TEST_F(AresChannelTest, BringsTheAnswer) {
  DnsServer server(answer_well);
  open({server.endpoint()});
  const auto handle = ask();
  run();
  EXPECT_EQ(got, std::vector{good_answer()});
  EXPECT_EQ(channel->in_flight(), 0U);
}

TEST_F(AresChannelTest, TellsTheOutcomesApart) {
  struct Case {
    unsigned code;
    Outcome outcome;
  };
  for (const Case& one :
       {Case{0, Outcome::NoData}, Case{1, Outcome::ServerFailure}, Case{2, Outcome::ServerFailure},
        Case{3, Outcome::NoSuchName}, Case{4, Outcome::ServerFailure}, Case{5, Outcome::Refused}}) {
    DnsServer server(answer_code(one.code));
    open({server.endpoint()});
    EXPECT_EQ(outcome(), one.outcome) << one.code;
    EXPECT_EQ(server.udp_queries(), 1) << "a server that answered is not asked again";
  }
}

TEST_F(AresChannelTest, TimesOutAfterItsBudgetAndASecondTry) {
  DnsServer server(say_nothing);
  open({server.endpoint()}, Milliseconds(40), Milliseconds(150));
  const TimePoint start = loop.now();
  EXPECT_EQ(outcome(), Outcome::Timeout);
  EXPECT_GE(loop.now() - start, Milliseconds(150));
  EXPECT_EQ(server.udp_queries(), 2);
}

TEST_F(AresChannelTest, LeavesTheLoopAsSoonAsNothingIsUnderWay) {
  DnsServer server(answer_well);
  open({server.endpoint()}, std::chrono::seconds(10), std::chrono::seconds(30));
  const TimePoint start = loop.now();
  EXPECT_EQ(outcome(), Outcome::Found);
  EXPECT_LT(loop.now() - start, std::chrono::seconds(3));
}

TEST_F(AresChannelTest, AsksAgainOverTcpWhenTheAnswerIsTruncated) {
  DnsServer server([](const DnsQuery& query) {
    DnsMessage message = reply_to(query);
    if (!query.is_tcp) {
      message.flags |= 0x0200;
      return Replies{message.octets()};
    }
    for (int i = 0; i < 100; ++i) {
      message.answer(test::kTypeA, 60, test::address({192, 0, 2, i}));
    }
    return Replies{message.octets()};
  });
  open({server.endpoint()});
  const auto handle = ask();
  run();
  ASSERT_EQ(got.size(), 1U);
  EXPECT_EQ(got.front().addresses().size(), 32U);
  EXPECT_EQ(server.tcp_queries(), 1);
}

TEST_F(AresChannelTest, CallsATcpServerThatHangsUpTrouble) {
  DnsServer server([](const DnsQuery& query) {
    DnsMessage message = reply_to(query);
    message.flags |= 0x0200;
    return query.is_tcp ? Replies{} : Replies{message.octets()};
  });
  open({server.endpoint()});
  EXPECT_EQ(outcome(), Outcome::Timeout);
}

TEST_F(AresChannelTest, KeepsOtherQuestionsWhenATcpConnectionCloses) {
  // The server closes each connection after one answer, and is slow for one question over UDP.
  std::vector<DnsQuery> slow;
  DnsServer server([&](const DnsQuery& query) {
    if (query.question.name == "slow.example") {
      slow.push_back(query);
      return Replies{};
    }
    DnsMessage message = good_reply(query);
    if (!query.is_tcp) {
      message.flags |= 0x0200;
    }
    Replies replies{message.octets()};
    if (query.question.name == "last.example" && !query.is_tcp) {
      replies.push_back(good_reply(slow.front()).octets());
    }
    return replies;
  });
  open({server.endpoint()}, std::chrono::seconds(10), std::chrono::seconds(30));
  const auto waits = ask({"slow.example", RecordType::A});
  std::vector<LookupHandle> big;
  for (const char* name : {"a.example", "b.example", "c.example"}) {
    big.push_back(ask({name, RecordType::A}));
  }
  while (got.size() < 3 && io.run_one_for(std::chrono::seconds(5)) > 0) {
  }
  EXPECT_EQ(got, std::vector(3, good_answer()));
  EXPECT_TRUE(waits.is_open());
  const auto last = ask({"last.example", RecordType::A});
  run();
  EXPECT_EQ(got, std::vector(5, good_answer()));
  EXPECT_EQ(server.udp_queries(), 5) << "nothing was asked twice";
}

TEST_F(AresChannelTest, PassesOverAnswersToOtherQuestions) {
  DnsServer server([](const DnsQuery& query) {
    DnsMessage other_id = reply_to(query).code(3);
    other_id.id ^= 1U;
    DnsQuery other = query;
    other.question.name = "evil.example";
    return Replies{other_id.octets(), good_reply(other).octets(), good_reply(query).octets()};
  });
  open({server.endpoint()});
  const auto handle = ask();
  run();
  EXPECT_EQ(got, std::vector{good_answer()});
}

TEST_F(AresChannelTest, TimesOutWhenOnlyOtherQuestionsAreAnswered) {
  DnsServer server([](const DnsQuery& query) {
    DnsMessage other_id = good_reply(query);
    other_id.id ^= 1U;
    DnsQuery other = query;
    other.question.name = "evil.example";
    return Replies{other_id.octets(), good_reply(other).octets()};
  });
  open({server.endpoint()}, Milliseconds(40), Milliseconds(150));
  EXPECT_EQ(outcome(), Outcome::Timeout);
}

TEST_F(AresChannelTest, TellsABrokenAnswerFromNone) {
  DnsServer server([](const DnsQuery& query) {
    return Replies{reply_to(query).answer(test::kTypeA, 60, test::address({1, 2, 3})).octets()};
  });
  open({server.endpoint()});
  EXPECT_EQ(outcome(), Outcome::Malformed);
}

TEST_F(AresChannelTest, SurvivesGarbageBeforeAnAnswer) {
  DnsServer server([](const DnsQuery& query) {
    return Replies{"", "x", Octets(11, '\xff'), Octets(700, '\xff'), good_reply(query).octets()};
  });
  open({server.endpoint()});
  EXPECT_EQ(outcome(), Outcome::Found);
}

TEST_F(AresChannelTest, GoesToTheNextServerAtOnceAfterAFailure) {
  for (const unsigned code : {2U, 5U}) {
    DnsServer first(answer_code(code));
    DnsServer second(answer_well);
    open({first.endpoint(), second.endpoint()}, std::chrono::seconds(10), std::chrono::seconds(30));
    EXPECT_EQ(outcome(), Outcome::Found) << code;
    EXPECT_EQ(first.udp_queries(), 1);
  }
}

TEST_F(AresChannelTest, GoesToTheNextServerAtOnceWhenNobodyListens) {
  DnsServer second(answer_well);
  open({nobody(), second.endpoint()}, std::chrono::seconds(10), std::chrono::seconds(30));
  EXPECT_EQ(outcome(), Outcome::Found);
}

TEST_F(AresChannelTest, DoesNotDoubtAnAnswerAboutAName) {
  DnsServer first(answer_code(3));
  DnsServer second(answer_well);
  open({first.endpoint(), second.endpoint()});
  EXPECT_EQ(outcome(), Outcome::NoSuchName);
  EXPECT_EQ(second.udp_queries(), 0);
}

TEST_F(AresChannelTest, TellsTheFirstFailureThatWasSaid) {
  DnsServer refuses(answer_code(5));
  DnsServer fails(answer_code(2));
  open({nobody(), refuses.endpoint(), fails.endpoint()});
  EXPECT_EQ(outcome(), Outcome::Refused);
}

TEST_F(AresChannelTest, JoinsASecondServerToASilentOneAndAvoidsThatForAWhile) {
  DnsServer silent(say_nothing);
  DnsServer second(answer_well);
  open({silent.endpoint(), second.endpoint()}, Milliseconds(40), Milliseconds(500));
  EXPECT_EQ(outcome(), Outcome::Found);
  EXPECT_EQ(silent.udp_queries(), 1);
  EXPECT_EQ(outcome(), Outcome::Found);
  EXPECT_EQ(silent.udp_queries(), 1) << "asked last now";
}

TEST_F(AresChannelTest, WelcomesALateAnswer) {
  // The first query is answered only when the second one has come.
  std::vector<DnsQuery> queries;
  DnsServer server([&](const DnsQuery& query) {
    queries.push_back(query);
    return queries.size() == 2 ? answer_well(queries.front()) : Replies{};
  });
  open({server.endpoint()}, Milliseconds(40), Milliseconds(500));
  EXPECT_EQ(outcome(), Outcome::Found);
}

TEST_F(AresChannelTest, ForgetsWhoDroppedTheHandle) {
  DnsServer server(answer_well);
  open({server.endpoint()});
  ask().drop();
  const auto kept = ask();
  run();
  EXPECT_EQ(got.size(), 1U);
}

TEST_F(AresChannelTest, EndsWithQuestionsUnderWay) {
  DnsServer silent(say_nothing);
  open({silent.endpoint(), silent.endpoint()}, Milliseconds(40), std::chrono::seconds(10));
  std::vector<LookupHandle> handles;
  for (int i = 0; i < 100; ++i) {
    handles.push_back(ask({"n" + std::to_string(i) + ".example", RecordType::A}));
  }
  io.run_for(Milliseconds(60));  // into the second round
  EXPECT_EQ(channel->in_flight(), 100U);
  channel.reset();
  run();
  EXPECT_TRUE(got.empty());
  EXPECT_TRUE(handles.front().is_open());
}

TEST_F(AresChannelTest, EndsWithAnswersOnTheirWayToTheSinks) {
  DnsServer server(answer_well);
  open({server.endpoint()});
  const auto impossible = ask({"a..b", RecordType::A});
  const auto handle = ask();
  channel.reset();
  run();
  EXPECT_TRUE(got.empty());
}

TEST_F(AresChannelTest, MayBeDestroyedBySinks) {
  DnsServer server(answer_well);
  open({server.endpoint()});
  LookupHandle first;
  first = channel->ask(kQuestion, [&](const Answer&) {
    first.drop();
    channel.reset();
  });
  const auto second = ask();
  run();
  EXPECT_TRUE(got.empty());
}

TEST_F(AresChannelTest, MayBeAskedBySinks) {
  DnsServer server(answer_well);
  open({server.endpoint()});
  LookupHandle again;
  const auto first = channel->ask(kQuestion, [&](const Answer&) { again = ask(); });
  run();
  EXPECT_EQ(got, std::vector{good_answer()});
}

TEST_F(AresChannelTest, TakesNoMoreQuestionsThanItsBound) {
  DnsServer server(answer_well);
  ChannelSettings settings;
  settings.servers = {server.endpoint()};
  settings.most_in_flight = 2;
  open(settings);
  const auto first = ask();
  const auto second = ask();
  const auto third = ask();
  run();
  ASSERT_EQ(got.size(), 3U);
  EXPECT_EQ(got.front().outcome, Outcome::NotAsked);
  EXPECT_EQ(outcome(), Outcome::Found);
}

TEST_F(AresChannelTest, DoesNotAskForImpossibleNames) {
  DnsServer server(answer_well);
  open({server.endpoint()});
  const auto handle = ask({std::string(64, 'a') + ".example", RecordType::A});
  EXPECT_TRUE(got.empty());
  run();
  EXPECT_EQ(got, std::vector{without_records(Outcome::NotAsked)});
  EXPECT_EQ(server.udp_queries(), 0);
}

TEST_F(AresChannelTest, AnswersManyAndLeavesNoDescriptor) {
  const auto descriptors = [] {
    const std::filesystem::path folder("/proc/self/fd");
    std::error_code error;
    const std::filesystem::directory_iterator files(folder, error);
    return error ? 0 : std::distance(begin(files), end(files));
  };
  DnsServer server([](const DnsQuery& query) {
    DnsMessage message = good_reply(query);
    // One of each round: the server of this test takes one question for each connection.
    if (!query.is_tcp && query.question.name == "n7.example") {
      message.flags |= 0x0200;
    }
    return Replies{message.octets()};
  });
  open({server.endpoint()});
  ASSERT_EQ(outcome(), Outcome::Found);
  const auto before = descriptors();
  got.clear();
  std::vector<LookupHandle> handles;
  for (int round = 0; round < 10; ++round) {
    for (int i = 0; i < 50; ++i) {
      handles.push_back(ask({"n" + std::to_string(i) + ".example", RecordType::A}));
    }
    run();
  }
  EXPECT_EQ(got.size(), 500U);
  for (const Answer& answer : got) {
    ASSERT_EQ(answer, good_answer());  // each alone: a list of so many is cut when it is told
  }
  // The server's thread closes its end of the last connection when it comes to it.
  for (int i = 0; i < 100'000 && descriptors() != before; ++i) {
    std::this_thread::yield();
  }
  EXPECT_EQ(descriptors(), before);
}

TEST_F(AresChannelTest, StartsWithOtherQueryIdsEachTime) {
  std::mutex mutex;
  std::vector<unsigned> ids;
  DnsServer server([&](const DnsQuery& query) {
    const std::lock_guard lock(mutex);
    ids.push_back(query.id);
    return answer_well(query);
  });
  for (int start = 0; start < 2; ++start) {
    open({server.endpoint()});
    for (int i = 0; i < 8; ++i) {
      outcome();
    }
  }
  const std::lock_guard lock(mutex);
  ASSERT_EQ(ids.size(), 16U);
  EXPECT_NE(std::vector(ids.begin(), ids.begin() + 8), std::vector(ids.begin() + 8, ids.end()));
  EXPECT_GT(std::set(ids.begin(), ids.end()).size(), 12U);
}

TEST(AresChannelOpen, WantsAServer) {
  boost::asio::io_context io;
  AsioLoop loop(io);
  EXPECT_EQ(AresChannel::open(loop, {}).error().text, "dns: no servers");
}

TEST(AsioLoop, RunsDelayedTasksUnlessItHasEnded) {
  boost::asio::io_context io;
  int ran = 0;
  {
    AsioLoop loop(io);
    loop.call_after(Milliseconds(1), [&] { ++ran; });
    io.run();
    EXPECT_EQ(ran, 1);
    loop.call_after(std::chrono::hours(1), [&] { ++ran; });
  }
  io.restart();
  io.run();
  EXPECT_EQ(ran, 1);
}

}  // namespace
}  // namespace smtpguard::dns
