// What the event loops of one process share, used by several threads at once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "conf/base/anonymous_file.hpp"
#include "proxy/session/admission.hpp"
#include "proxy/session/backend_health.hpp"
#include "proxy/session/handshake_memory.hpp"
#include "proxy/session/ledger.hpp"
#include "proxy/session/rates.hpp"
#include "proxy/session/session_log.hpp"
#include "tests/support/threads.hpp"

namespace smtpguard::session {
namespace {

using namespace std::chrono_literals;
using test::in_threads;
using test::kThreads;

constexpr std::size_t kRounds = 2000;

IpAddress host(std::size_t last) {
  return IpAddress::v4({192, 0, 2, static_cast<std::uint8_t>(last)});
}

TEST(SharedByThreads, AdmissionCountsEveryPlaceOnceAndHasThemAllBackAtTheEnd) {
  Admission admission;
  LimitSettings limits;
  limits.connections = 10;
  limits.connections_per_network = 6;
  limits.connections_per_address = 4;
  std::atomic<std::size_t> let_in = 0;
  std::atomic<std::size_t> backends = 0;
  in_threads([&](std::size_t number) {
    std::deque<Admission::Ticket> tickets;
    std::vector<Admission::BackendPlace> places;
    for (std::size_t round = 0; round < kRounds; ++round) {
      auto place = admission.enter(host(round % 3 + number % 2), limits);
      if (auto* const ticket = std::get_if<Admission::Ticket>(&place)) {
        tickets.push_back(std::move(*ticket));
        ++let_in;
      }
      if (auto backend = admission.enter_backend(limits, 5)) {
        places.push_back(std::move(*backend));
        ++backends;
      }
      EXPECT_LE(admission.total(), 6U);
      EXPECT_LE(admission.backends(), 5U);
      admission.set_short_of_memory(round % 10 == number);
      admission.is_under_stress(limits);
      if (round % 2 == 1) {
        tickets.clear();
        places.clear();
      }
    }
  });
  EXPECT_GT(let_in, 0U);
  EXPECT_GT(backends, 0U);
  EXPECT_EQ(admission.total(), 0U);
  EXPECT_EQ(admission.backends(), 0U);
  EXPECT_EQ(admission.counters(), 0U);
}

TEST(SharedByThreads, ATicketMayBeGivenBackByAnotherThread) {
  Admission admission;
  const LimitSettings limits;
  std::array<std::vector<Admission::Ticket>, kThreads> taken;
  in_threads([&](std::size_t number) {
    for (std::size_t round = 0; round < 10; ++round) {
      auto place = admission.enter(host(number), limits, Admission::Rank::Known);
      if (auto* const ticket = std::get_if<Admission::Ticket>(&place)) {
        taken[number].push_back(std::move(*ticket));
      }
    }
  });
  EXPECT_EQ(admission.total(), kThreads * 10);
  in_threads([&](std::size_t number) { taken[(number + 1) % kThreads].clear(); });
  EXPECT_EQ(admission.total(), 0U);
  EXPECT_EQ(admission.counters(), 0U);
}

TEST(SharedByThreads, RatesAllowAllOfThemTogetherWhatOneIsAllowed) {
  Rates rates;
  const TimePoint now = SteadyClock::now();
  std::atomic<std::uint32_t> allowed = 0;
  in_threads([&](std::size_t number) {
    for (std::size_t round = 0; round < kRounds; ++round) {
      allowed += rates.take(Rates::What::Messages, host(1), 1000, now) ? 0 : 1;
      rates.take(Rates::What::Connections, host(round % 250), 1, now + 10s * number);
    }
  });
  EXPECT_EQ(allowed, 1000U);
  EXPECT_EQ(rates.buckets(Rates::What::Messages), 2U);
  EXPECT_EQ(rates.buckets(Rates::What::Connections), 251U);
}

TEST(SharedByThreads, HandshakeMemoryKnowsWhatEachHasToldAndStaysWithinItsBound) {
  HandshakeMemory memory;
  const TimePoint now = SteadyClock::now();
  using Failure = HandshakeMemory::Failure;
  const auto client = [](std::size_t thread, std::size_t round) {
    return IpAddress::v4({10, static_cast<std::uint8_t>(thread),
                          static_cast<std::uint8_t>(round / 256),
                          static_cast<std::uint8_t>(round % 256)});
  };
  in_threads([&](std::size_t number) {
    for (std::size_t round = 0; round < HandshakeMemory::kMost / 3; ++round) {
      memory.on_failure(client(number, round), Failure::Refused, now, now + 10s);
      EXPECT_TRUE(memory.knows(client(number, round), now));
      memory.on_failure(host(number), Failure::Cut, now, now + 10s);
    }
    memory.on_success(host(number));
  });
  EXPECT_EQ(memory.size(), HandshakeMemory::kMost);
  memory.forget_all();
  EXPECT_EQ(memory.size(), 0U);
}

TEST(SharedByThreads, BackendHealthTellsEachChangeToOneOfThem) {
  BackendHealth health;
  const std::vector<Endpoint> backends{Endpoint::parse("192.0.2.1:25").value(),
                                       Endpoint::parse("192.0.2.2:25").value()};
  const TimePoint start = SteadyClock::now();
  std::atomic<std::size_t> told_down = 0;
  std::atomic<std::size_t> told_up = 0;
  constexpr std::size_t kChanges = 50;
  for (std::size_t change = 0; change < kChanges; ++change) {
    const TimePoint now = start + 1h * change;
    in_threads(
        [&](std::size_t /*number*/) { told_down += health.failed(backends[0], now) ? 1 : 0; });
    EXPECT_EQ(health.order(backends).front(), backends[1]);
    in_threads([&](std::size_t /*number*/) {
      told_up += health.worked(backends[0], now) ? 1 : 0;
      health.learned(backends[1], {});
      health.offered(backends);
      health.due(backends, now);
      health.is_settled(backends);
      health.keep(backends);
    });
  }
  EXPECT_EQ(told_down, kChanges);
  EXPECT_EQ(told_up, kChanges);
  EXPECT_EQ(health.is_up(backends[0]), true);
}

TEST(SharedByThreads, TheLedgerGivesAPlaceToOneOnlyAndHasThemAllBackAtTheEnd) {
  const auto file = make_anonymous_file("");
  ASSERT_TRUE(file);
  auto ledger = Ledger::map(*file);
  ASSERT_TRUE(ledger);
  std::array<std::vector<Ledger::Entry>, kThreads> kept;
  in_threads([&](std::size_t number) {
    for (std::size_t round = 0; round < kRounds; ++round) {
      Ledger::Entry entry = ledger->open(std::to_string(number) + "-" + std::to_string(round), "x");
      entry.set(Ledger::Stage::InMessage);
      if (round % 4 == 0) {
        kept[number].push_back(std::move(entry));
      }
    }
  });
  std::map<std::string, int> ids;
  for (const Ledger::Session& session : Ledger::open_sessions(*file)) {
    EXPECT_TRUE(session.is_in_message);
    ++ids[session.id];
  }
  EXPECT_EQ(ids.size(), kThreads * kRounds / 4);
  in_threads([&](std::size_t number) { kept[number].clear(); });
  EXPECT_TRUE(Ledger::open_sessions(*file).empty());
  std::vector<Ledger::Entry> all;
  for (std::size_t number = 0; number < Ledger::kPlaces; ++number) {
    all.push_back(ledger->open("again", "x"));
  }
  EXPECT_EQ(Ledger::open_sessions(*file).size(), Ledger::kPlaces);
}

class CountingSink final : public LogSink {
 public:
  explicit CountingSink(std::size_t& lines) : lines_(lines) {}
  bool write(Severity /*severity*/, std::string_view /*line*/) override {
    ++lines_;
    return true;
  }

 private:
  std::size_t& lines_;
};

TEST(SharedByThreads, SessionLogCountsAllThatTheyTell) {
  std::size_t lines = 0;
  Log text;
  Log json;
  text.add(std::make_unique<CountingSink>(lines));
  SessionLog log(text, json, text, true);
  constexpr std::size_t kSessions = 200;
  in_threads([&](std::size_t number) {
    filters::SessionFacts facts;
    filters::SessionRecord record;
    record.delivered = 2;
    record.refused = 1;
    for (std::size_t round = 0; round < kSessions; ++round) {
      log.end(facts, record, SteadyClock::now());
      log.crash("session", "a test");
      EXPECT_EQ(log.totals().delivered % 2, 0U);
      log.tell_events(round % 2 == number % 2);
    }
  });
  EXPECT_EQ(log.totals().ended, kThreads * kSessions);
  EXPECT_EQ(log.totals().delivered, kThreads * kSessions * 2);
  EXPECT_EQ(log.totals().refused, kThreads * kSessions);
  EXPECT_EQ(log.crashes(), kThreads * kSessions);
  EXPECT_GE(lines, kThreads * kSessions * 2);  // a summary and a crash each
}

}  // namespace
}  // namespace smtpguard::session
