#include "proxy/session/memory_ceiling.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace smtpguard::session {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct Kept final : LogSink {
  explicit Kept(std::vector<std::string>& kept) : lines(kept) {}
  bool write(Severity /*severity*/, std::string_view line) override {
    lines.emplace_back(line);
    return true;
  }
  std::vector<std::string>& lines;
};

class MemoryCeilingTest : public testing::Test {
 protected:
  MemoryCeilingTest() { log_.add(std::make_unique<Kept>(lines_)); }

  void look_at(std::optional<std::uint64_t> used) {
    used_ = used;
    memory_.look();
  }
  bool comes_in(Admission::Rank rank) {
    return std::holds_alternative<Admission::Ticket>(
        admission_.enter(IpAddress::parse("192.0.2.9").value(), LimitSettings(), rank));
  }

  net::asio::io_context io_{1};
  net::DeadlineWheel wheel_{io_};
  Admission admission_;
  Log log_;
  std::vector<std::string> lines_;
  std::uint64_t ceiling_ = 8'000'000;
  std::optional<std::uint64_t> used_;
  std::vector<std::size_t> sent_away_;
  MemoryCeiling memory_{wheel_,
                        admission_,
                        log_,
                        [this] { return ceiling_; },
                        [this] { return used_; },
                        [this](std::size_t at_most) {
                          sent_away_.push_back(at_most);
                          return at_most;
                        }};
};

TEST_F(MemoryCeilingTest, BelowItEverybodyComesIn) {
  look_at(8'000'000);
  EXPECT_TRUE(comes_in(Admission::Rank::Stranger));
  EXPECT_FALSE(admission_.is_under_stress(LimitSettings()));
  EXPECT_THAT(sent_away_, IsEmpty());
  EXPECT_THAT(lines_, IsEmpty());
}

TEST_F(MemoryCeilingTest, AboveItStrangersMakeRoomAndTheKnownComeIn) {
  look_at(8'000'001);
  EXPECT_FALSE(comes_in(Admission::Rank::Stranger));
  EXPECT_TRUE(comes_in(Admission::Rank::Known));
  EXPECT_TRUE(admission_.is_under_stress(LimitSettings()));
  EXPECT_THAT(sent_away_, ElementsAre(16));
  EXPECT_THAT(lines_, ElementsAre(HasSubstr("more than limits.memory (8.0 MB)")));
}

TEST_F(MemoryCeilingTest, ItIsOverOnceAnEighthIsFree) {
  const auto somebody = admission_.enter(IpAddress::parse("198.51.100.7").value(), LimitSettings());
  look_at(9'000'000);
  look_at(7'500'000);
  EXPECT_FALSE(comes_in(Admission::Rank::Stranger)) << "not free enough";
  EXPECT_THAT(sent_away_, ElementsAre(16)) << "under the ceiling nobody has to go";
  look_at(7'000'000);
  EXPECT_TRUE(comes_in(Admission::Rank::Stranger));
  EXPECT_THAT(lines_, ElementsAre(HasSubstr("strangers are turned away"),
                                  HasSubstr("strangers may come again")));
}

TEST_F(MemoryCeilingTest, ItIsOverWhenNobodyIsHere) {
  look_at(9'000'000);
  look_at(9'000'000);
  EXPECT_TRUE(comes_in(Admission::Rank::Stranger)) << "their staying away would change nothing";
}

TEST_F(MemoryCeilingTest, ReloadMayTakeItAway) {
  look_at(9'000'000);
  ceiling_ = 0;
  look_at(9'000'000);
  EXPECT_TRUE(comes_in(Admission::Rank::Stranger));
}

TEST_F(MemoryCeilingTest, WhereNobodyCanTellThereIsNone) {
  look_at(std::nullopt);
  look_at(std::nullopt);
  EXPECT_TRUE(comes_in(Admission::Rank::Stranger));
  EXPECT_THAT(lines_, ElementsAre(HasSubstr("limits.memory: this system does not tell")));
}

TEST(HeapInUse, GrowsWithWhatIsTaken) {
  const auto before = heap_in_use();
  if (!before) {
    GTEST_SKIP() << "this system does not tell how much memory is in use";
  }
  const std::vector<char> taken(3'000'000, 'x');
  EXPECT_GE(heap_in_use().value(), *before + taken.size());
}

}  // namespace
}  // namespace smtpguard::session
