#include "filters/session_record.hpp"

#include <gtest/gtest.h>

namespace smtpguard::filters {
namespace {

TEST(SessionRecord, KeepsABoundedNumberOfRecipientsAndCountsTheRest) {
  SessionRecord record;
  for (std::size_t i = 0; i < kRecordedRecipients + 7; ++i) {
    record.add_recipient("user@example.org", 250);
  }
  EXPECT_EQ(record.recipients.size(), kRecordedRecipients);
  EXPECT_EQ(record.recipients_left_out, 7U);
  EXPECT_EQ(record.recipients.front(), "<user@example.org>:250");
}

TEST(SessionRecord, CutsALongRecipient) {
  SessionRecord record;
  record.add_recipient(std::string(10'000, 'a'), 550);
  EXPECT_LT(record.recipients.front().size(), kRecordedAddressLength + 10);
}

}  // namespace
}  // namespace smtpguard::filters
