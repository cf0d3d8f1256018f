#include "proxy/session/workload.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace smtpguard::session {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

struct Kept final : LogSink {
  explicit Kept(std::vector<std::string>& kept) : lines(kept) {}
  bool write(Severity /*severity*/, std::string_view line) override {
    lines.emplace_back(line);
    return true;
  }
  std::vector<std::string>& lines;
};

class WorkloadTest : public testing::Test {
 protected:
  WorkloadTest() {
    log_.add(std::make_unique<Kept>(lines_));
    workload_.look(used_, now_);
  }

  // So many looks, with that share of the time worked between them.
  void work(double share, int looks) {
    for (int look = 0; look < looks; ++look) {
      now_ += 500ms;
      used_ += std::chrono::duration_cast<std::chrono::nanoseconds>(500ms * share);
      workload_.look(used_, now_);
    }
  }

  net::asio::io_context io_{1};
  net::DeadlineWheel wheel_{io_};
  bool is_busy_ = false;
  Log log_;
  std::vector<std::string> lines_;
  TimePoint now_ = SteadyClock::now();
  std::chrono::nanoseconds used_ = 9s;  // before the first look
  Workload workload_{wheel_, is_busy_, log_};
};

TEST_F(WorkloadTest, IsBusyOnceItLastsAndSaysSoOnce) {
  work(0.6, 10);
  EXPECT_FALSE(is_busy_);
  work(0.9, 1);
  EXPECT_FALSE(is_busy_);
  work(0.3, 1);
  work(0.9, 1);
  EXPECT_FALSE(is_busy_);
  work(0.9, 1);
  EXPECT_TRUE(is_busy_);
  work(0.9, 10);
  EXPECT_THAT(lines_, ElementsAre(HasSubstr("the event loop works 90 % of its time")));
}

TEST_F(WorkloadTest, GoesOnWhileItIsHalfBusyForThatIsWhatHelped) {
  work(0.9, 2);
  work(0.5, 100);
  EXPECT_TRUE(is_busy_);
  work(0.2, 19);
  EXPECT_TRUE(is_busy_);
  work(0.2, 1);
  EXPECT_FALSE(is_busy_);
  EXPECT_THAT(lines_, ElementsAre(HasSubstr("works 90 %"), HasSubstr("has time again")));
}

TEST_F(WorkloadTest, IsNeverBusyWhereTheSystemDoesNotTell) {
  for (int look = 0; look < 10; ++look) {
    now_ += 500ms;
    workload_.look(0s, now_);
  }
  EXPECT_FALSE(is_busy_);
}

}  // namespace
}  // namespace smtpguard::session
