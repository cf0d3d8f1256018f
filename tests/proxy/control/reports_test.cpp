#include "proxy/control/reports.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace smtpguard::control {
namespace {

using testing::HasSubstr;

TEST(StatusReport, SaysWhetherTheBackendAnswers) {
  StatusReport report;
  report.backends = {{"192.0.2.1:25", "xclient", true},
                     {"192.0.2.2:25", "none", false},
                     {"192.0.2.3:25", "none", {}}};
  const std::string text = render(report, Form::Text);
  EXPECT_THAT(text, HasSubstr("192.0.2.1:25 (xclient) answers\n"));
  EXPECT_THAT(text, HasSubstr("192.0.2.2:25 (none) does not answer; messages get 451\n"));
  EXPECT_THAT(text, HasSubstr("192.0.2.3:25 (none) was not tried yet\n"));
  const std::string json = render(report, Form::Json);
  EXPECT_THAT(json, HasSubstr(R"("identity":"xclient","state":"up")"));
  EXPECT_THAT(json, HasSubstr(R"("state":"down")"));
  EXPECT_THAT(json, HasSubstr(R"("state":"unknown")"));
}

TEST(SessionsReport, LetsNoClientDriveATerminal) {
  SessionsReport report;
  report.sessions.push_back({"id", "192.0.2.1:99", "after EHLO", "a\x1b[2J\"", 1.5, 7});
  report.left_out = 2;
  for (const Form form : {Form::Text, Form::Json}) {
    EXPECT_EQ(render(report, form).find('\x1b'), std::string::npos);
  }
  EXPECT_THAT(render(report, Form::Text), HasSubstr("and 2 younger ones\n3 sessions, 0 visitors"));
}

TEST(Outcome, IsAlsoSaidInJson) {
  EXPECT_EQ(render_done("draining", Form::Text), "draining");
  EXPECT_EQ(render_done("draining", Form::Json), R"({"done":"draining"})");
  EXPECT_EQ(render_error("a \"b\"", Form::Json), R"({"error":"a \"b\""})");
}

}  // namespace
}  // namespace smtpguard::control
