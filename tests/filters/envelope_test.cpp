#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

#include "tests/filters/filter_stage.hpp"

namespace smtpguard::filters {

extern const FilterKind kEnvelope;

namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Row {
  const char* domain;
  const char* dns;
  std::vector<std::string> findings;
};

void PrintTo(const Row& row, std::ostream* out) {
  *out << row.domain;
}

class SenderDomain : public ::testing::TestWithParam<Row> {};

TEST_P(SenderDomain, IsJudgedByWhatTheDnsSays) {
  FilterStage stage(kEnvelope, GetParam().dns);
  stage.facts.sender = Mailbox{"ann", GetParam().domain, ""};
  stage.play();
  EXPECT_EQ(stage.findings(), GetParam().findings);
}

INSTANTIATE_TEST_SUITE_P(
    Answers, SenderDomain,
    ::testing::Values(
        Row{"sender.net", "sender.net MX 300 10 mail.sender.net", {}},
        // An address serves as well.
        Row{"sender.net", "sender.net A 300 192.0.2.1", {}},
        Row{"sender.net", "sender.net AAAA 300 2001:db8::1", {}},
        Row{"sender.net", "", {"envelope.no_domain fail: sender.net: no such name"}},
        Row{"sender.net",
            "sender.net TXT 300 hello",
            {"envelope.no_domain fail: sender.net: no MX and no address"}},
        Row{"sender.net", "sender.net MX 300 0 .", {"envelope.null_mx fail: sender.net"}},
        // A null MX beside another is a mistake, not a wish.
        Row{"sender.net", "sender.net MX 300 0 . 10 mail.sender.net", {}},
        // An MX that nobody should use is still somebody's try.
        Row{"sender.net", "sender.net MX 300 10 localhost", {}},
        // What cannot be looked up.
        Row{"[192.0.2.1]", "", {}}, Row{"b\xc3\xbc.net", "", {}}, Row{"localhost", "", {}}));

INSTANTIATE_TEST_SUITE_P(
    TroubleIsNoEvidence, SenderDomain,
    ::testing::Values(
        Row{"sender.net",
            "sender.net MX SERVFAIL",
            {"envelope.no_domain temperror: sender.net: server_failure"}},
        Row{"sender.net",
            "sender.net A TIMEOUT\nsender.net TXT 300 hello",
            {"envelope.no_domain temperror: sender.net: timeout"}},
        Row{"sender.net", "sender.net A TIMEOUT\nsender.net AAAA 300 2001:db8::1", {}}));

TEST(Envelope, AsksForAnAddressOnlyWhereThereIsNoMx) {
  FilterStage with(kEnvelope, "sender.net MX 300 10 mail.sender.net");
  with.facts.sender = Mailbox{"ann", "sender.net", ""};
  EXPECT_THAT(with.play(), ElementsAre("sender.net MX"));
  FilterStage without(kEnvelope, "sender.net A 300 192.0.2.1");
  without.facts.sender = Mailbox{"ann", "sender.net", ""};
  EXPECT_THAT(without.play(), ElementsAre("sender.net MX", "sender.net A", "sender.net AAAA"));
}

TEST(Envelope, SaysNothingWhileAnswersAreOpen) {
  FilterStage stage(kEnvelope);
  stage.facts.sender = Mailbox{"ann", "sender.net", ""};
  EXPECT_THAT(stage.findings(), IsEmpty());
}

TEST(Envelope, OfAStrangerIsNotOurs) {
  FilterStage stage(kEnvelope);
  stage.facts.sender = Mailbox{"bob", "Guarded.NET", ""};
  EXPECT_THAT(stage.play(), IsEmpty());
  EXPECT_THAT(stage.findings(), ElementsAre("envelope.own_domain fail: bob@Guarded.NET"));
  stage.facts.sender = Mailbox{"postmaster", "", ""};
  EXPECT_THAT(stage.findings(), IsEmpty());
}

TEST(Envelope, OfABounceHasFewRecipients) {
  FilterStage stage(kEnvelope, "", "envelope.bounce_recipients = 2");
  stage.facts.sender = Mailbox{};
  stage.facts.recipients = 2;
  EXPECT_THAT(stage.findings(), IsEmpty());
  stage.facts.recipients = 3;
  EXPECT_THAT(stage.findings(), ElementsAre("envelope.bounce_to_many fail: 3 recipients"));
  stage.facts.sender = Mailbox{"ann", "[192.0.2.1]", ""};
  EXPECT_THAT(stage.findings(), IsEmpty());
}

TEST(Envelope, WithATrapIsToldWhoeverSends) {
  FilterStage stage(kEnvelope, "", R"(envelope.traps = ["fred@guarded.net", ".old.guarded.net"])");
  for (const auto& [local_part, domain] :
       {std::pair{"FRED", "guarded.net"}, std::pair{"\"fred\"", "guarded.net"},
        std::pair{"x", "a.old.guarded.net"}}) {
    stage.facts.recipient = Mailbox{local_part, domain, ""};
    EXPECT_THAT(stage.findings(),
                ElementsAre(fmt::format("envelope.trap fail: {}@{}", local_part, domain)));
  }
  stage.facts.recipient = Mailbox{"alfred", "guarded.net", ""};
  EXPECT_THAT(stage.findings(), IsEmpty());
}

}  // namespace
}  // namespace smtpguard::filters
