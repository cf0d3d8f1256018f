#include "dns/answer.hpp"

#include <gtest/gtest.h>

#include "tests/support/dns_printers.hpp"

namespace smtpguard::dns {
namespace {

Answer with_name(const char* name) {
  Answer answer;
  answer.outcome = Outcome::Found;
  answer.records().names = {name};
  return answer;
}

TEST(Answer, SharesItsRecordsWithItsCopies) {
  const Answer answer = with_name("mail.example.net");
  const Answer copy = answer;
  EXPECT_EQ(&copy.names(), &answer.names());
  EXPECT_EQ(copy, answer);
}

TEST(Answer, KeepsItsRecordsWhenACopyIsFilledIn) {
  const Answer answer = with_name("mail.example.net");
  Answer copy = answer;
  copy.records().names.emplace_back("other.example.net");
  EXPECT_EQ(answer, with_name("mail.example.net"));
  EXPECT_NE(copy, answer);
}

TEST(Answer, OfNobodyElseIsFilledInWhereItIs) {
  Answer answer = with_name("mail.example.net");
  const auto* const before = &answer.names();
  answer.records().names.emplace_back("other.example.net");
  EXPECT_EQ(&answer.names(), before);
  EXPECT_EQ(answer.names().size(), 2U);
}

// A session keeps dozens of them while it waits.
TEST(Answer, IsSmallWithoutRecords) {
  EXPECT_LE(sizeof(Answer), 4 * sizeof(void*));
  EXPECT_EQ(without_records(Outcome::NoSuchName), without_records(Outcome::NoSuchName));
  EXPECT_TRUE(without_records(Outcome::NoSuchName).addresses().empty());
}

}  // namespace
}  // namespace smtpguard::dns
