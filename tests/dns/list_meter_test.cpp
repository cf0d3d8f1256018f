#include "dns/list_meter.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dns/fake_resolver.hpp"
#include "tests/support/manual_loop.hpp"

namespace smtpguard::dns {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

TEST(ListMeter, TellsOfQuestionsToListsAndPassesAllOn) {
  test::ManualLoop loop;
  FakeResolver behind(loop, FakeAnswers::parse("9.2.0.192.bl.example A 60 127.0.0.2 after=2s\n"
                                               "9.2.0.192.sub.bl.example A SERVFAIL\n")
                                .value());
  ListMeter meter(behind, loop);
  meter.watch({"bl.example", "sub.bl.example"});
  std::vector<std::string> told;
  meter.call_on_answer([&](const std::string& zone, const Answer& answer, Milliseconds took) {
    told.push_back(zone + ' ' + std::string(to_string(answer.outcome)) + ' ' +
                   std::to_string(took.count()));
  });
  int answers = 0;
  std::vector<LookupHandle> handles;
  for (const char* name : {"9.2.0.192.bl.example", "9.2.0.192.sub.bl.example", "bl.example",
                           "notbl.example", "mail.example.net"}) {
    handles.push_back(meter.ask({name, RecordType::A}, [&](const Answer&) { ++answers; }));
  }
  loop.advance(3s);
  EXPECT_EQ(answers, 5);
  EXPECT_THAT(told, ElementsAre("sub.bl.example server_failure 0", "bl.example found 2000"));
}

}  // namespace
}  // namespace smtpguard::dns
