// The parts of which supervisor and worker are made, each alone.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <string>
#include <vector>

#include "conf/base/anonymous_file.hpp"
#include "proxy/service/channel.hpp"
#include "proxy/service/draining.hpp"
#include "proxy/service/handover.hpp"
#include "proxy/service/message.hpp"
#include "proxy/service/privileges.hpp"
#include "proxy/service/restart_delay.hpp"
#include "proxy/session/ledger.hpp"

namespace smtpguard::service {
namespace {

using namespace std::chrono_literals;
using State = Channel::Received::State;

TEST(Message, IsReadAsItWasWritten) {
  const Message message{MessageKind::Order, true, 0x01020304, std::string("log reopen\0x", 12)};
  const auto read = parse_message(to_wire(message));
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, message);
}

TEST(Message, CutsATextThatIsTooLong) {
  const Message message{MessageKind::Outcome, false, 1, std::string(100'000, 'x')};
  const std::string wire = to_wire(message);
  EXPECT_EQ(wire.size(), kMessageLimit);
  EXPECT_TRUE(parse_message(wire));
}

TEST(Message, RefusesWhatIsNoneOfOurs) {
  std::string wire = to_wire({MessageKind::Stop, false, 1, "x"});
  EXPECT_FALSE(parse_message(""));
  EXPECT_FALSE(parse_message(wire.substr(0, kMessageHeader - 1)));
  EXPECT_FALSE(parse_message(wire + std::string(kMessageLimit, 'x')));
  for (const std::size_t octet : {0U, 2U, 3U, 4U}) {
    std::string bad = wire;
    bad[octet] = '\x7f';
    EXPECT_FALSE(parse_message(bad)) << octet;
  }
}

TEST(Channel, CarriesADescriptorThatClosesOnExec) {
  auto ends = Channel::make_pair();
  ASSERT_TRUE(ends);
  auto& [near, far] = *ends;
  const auto file = make_anonymous_file("what it holds");
  ASSERT_TRUE(file);
  ASSERT_TRUE(near.send({MessageKind::Files, false, 7, "x"}, file->get()));
  const auto received = far.receive();
  ASSERT_EQ(received.state, State::Message);
  EXPECT_EQ(received.message, (Message{MessageKind::Files, false, 7, "x"}));
  const auto content = read_all(received.descriptor, 100);
  ASSERT_TRUE(content);
  EXPECT_EQ(*content, "what it holds");
  EXPECT_EQ(::fcntl(received.descriptor.get(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

TEST(Channel, TellsNothingBadAndClosedApart) {
  auto ends = Channel::make_pair();
  ASSERT_TRUE(ends);
  auto& [near, far] = *ends;
  EXPECT_EQ(far.receive().state, State::Nothing);
  ASSERT_EQ(::write(near.descriptor(), "nonsense", 8), 8);
  EXPECT_EQ(far.receive().state, State::Bad);
  near.close();
  EXPECT_EQ(far.receive().state, State::Closed);
  EXPECT_FALSE(far.send({MessageKind::Ready, false, 0, {}}));
}

TEST(Channel, GivesUpOnAnOtherSideThatTakesNothing) {
  auto ends = Channel::make_pair();
  ASSERT_TRUE(ends);
  const Message large{MessageKind::Outcome, false, 0, std::string(8000, 'x')};
  int sent = 0;
  while (sent < 10'000 && ends->first.send(large)) {
    ++sent;
  }
  EXPECT_GT(sent, 0);
  EXPECT_LT(sent, 10'000);
}

TEST(AnonymousFile, IsNotReadBeyondTheLimit) {
  const auto file = make_anonymous_file("12345");
  ASSERT_TRUE(file);
  EXPECT_TRUE(read_all(*file, 5));
  EXPECT_FALSE(read_all(*file, 4));
}

TEST(AnonymousFile, APipeIsNone) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  const Descriptor hear(ends[0]);
  const Descriptor tell(ends[1]);
  EXPECT_FALSE(read_all(hear, 100));
}

TEST(RestartDelay, TheFirstComesAtOnceThenLongerUpToABound) {
  RestartDelay delay;
  EXPECT_EQ(delay.next(1s), 0ms);
  EXPECT_EQ(delay.next(1s), 250ms);
  EXPECT_EQ(delay.next(1s), 500ms);
  for (int i = 0; i < 20; ++i) {
    delay.next(1s);
  }
  EXPECT_EQ(delay.next(1s), RestartDelay::kLongest);
}

TEST(RestartDelay, AWorkerThatLivedLongIsReplacedAtOnce) {
  RestartDelay delay;
  for (int i = 0; i < 5; ++i) {
    delay.next(1s);
  }
  EXPECT_EQ(delay.next(RestartDelay::kStable), 0ms);
  EXPECT_EQ(delay.next(1s), 250ms);
}

TEST(Handover, IsReadAsItWasWritten) {
  Handover handover;
  handover.started = "2026-11-28T06:12:35.438Z";
  handover.began = 123456789;
  handover.tag = 4;
  handover.listeners = {{5, "0.0.0.0:25"}, {6, "[::]:25"}};
  handover.control = {7, "/var/run/smtpguard.sock with a blank"};
  handover.workers = {{71, 8, 9, true, INT64_MAX}, {72, 10, 11, false, 1}};
  const auto read = parse_handover(to_text(handover));
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, handover);
}

TEST(Handover, RefusesWhatItDoesNotUnderstand) {
  EXPECT_FALSE(parse_handover(""));
  EXPECT_FALSE(parse_handover("smtpguard handover 2\n"));
  EXPECT_FALSE(parse_handover("smtpguard handover 1\nlistener x 0.0.0.0:25\n"));
  EXPECT_FALSE(parse_handover("smtpguard handover 1\nworker 1 2 3\n"));
  EXPECT_FALSE(parse_handover("smtpguard handover 1\nteapot 1\n"));
}

TEST(Handover, AFormatThatIsNotOursIsRefusedBeforeAnythingIsExecuted) {
  ::unsetenv(kHandoverFormatVariable);
  EXPECT_EQ(trouble_with_handover_format(), "");
  ::setenv(kHandoverFormatVariable, kHandoverFormat.data(), 1);
  EXPECT_EQ(trouble_with_handover_format(), "");
  ::setenv(kHandoverFormatVariable, "smtpguard handover 9", 1);
  EXPECT_NE(trouble_with_handover_format().find("handover 9"), std::string::npos);
  ::unsetenv(kHandoverFormatVariable);
}

TEST(Draining, IsReadAsItWasWritten) {
  const std::vector<control::DrainingWorker> workers{{71, 3, 2500ms}, {72, 0, 0ms}};
  EXPECT_EQ(draining_from(to_text(workers)), workers);
}

TEST(Draining, LeavesOutWhatIsNoLineOfIt) {
  EXPECT_TRUE(draining_from("").empty());
  EXPECT_TRUE(draining_from("1 2\n1 2 3 4\nx 2 3\n1 -2 3\n\n").empty());
  std::string many;
  for (int i = 0; i < 1000; ++i) {
    many += "1 2 3\n";
  }
  EXPECT_LE(draining_from(many).size(), 16U);
}

TEST(Privileges, RootIsNotKeptUnlessThatWasPlanned) {
  EXPECT_FALSE(give_up_privileges({Account{0, 0, "root"}, false, {}, Severity::Info, {}}));
  if (::geteuid() == 0) {
    EXPECT_FALSE(give_up_privileges({}));
  }
}

using session::Ledger;

TEST(Ledger, ShowsTheOpenSessionsToWhoeverHasTheFile) {
  const auto file = make_anonymous_file();
  ASSERT_TRUE(file);
  auto ledger = Ledger::map(*file);
  ASSERT_TRUE(ledger);
  auto first = ledger->open("aaaaaaaaaa", "192.0.2.1:4000");
  auto second = ledger->open("bbbbbbbbbb", "[2001:db8::1]:4001");
  second.set(Ledger::Stage::InMessage);
  { const auto gone = ledger->open("cccccccccc", "192.0.2.3:4002"); }
  EXPECT_EQ(Ledger::open_sessions(*file),
            (std::vector<Ledger::Session>{{"aaaaaaaaaa", "192.0.2.1:4000", false},
                                          {"bbbbbbbbbb", "[2001:db8::1]:4001", true}}));
}

TEST(Ledger, HasAsManyPlacesAsItSaysAndUsesThemAgain) {
  const auto file = make_anonymous_file();
  ASSERT_TRUE(file);
  auto ledger = Ledger::map(*file);
  ASSERT_TRUE(ledger);
  std::vector<Ledger::Entry> entries;
  for (std::size_t i = 0; i < Ledger::kPlaces + 10; ++i) {
    entries.push_back(ledger->open("x", std::string(1000, 'y')));
  }
  EXPECT_EQ(Ledger::open_sessions(*file).size(), Ledger::kPlaces);
  entries.clear();
  EXPECT_TRUE(Ledger::open_sessions(*file).empty());
  const auto again = ledger->open("x", "y");
  EXPECT_EQ(Ledger::open_sessions(*file).size(), 1U);
}

TEST(Ledger, AWriterThatSpoiltTheFileHurtsNobody) {
  const auto file = make_anonymous_file(std::string(3 * Ledger::kPlaceSize + 5, '\xff'));
  ASSERT_TRUE(file);
  const auto sessions = Ledger::open_sessions(*file);
  ASSERT_EQ(sessions.size(), 3U);
  EXPECT_LE(sessions.front().client.size(), Ledger::kPlaceSize);
}

}  // namespace
}  // namespace smtpguard::service
