#include "filters/memory/identity.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "conf/reader.hpp"
#include "dns/fake_resolver.hpp"
#include "filters/chain.hpp"

namespace smtpguard::filters::memory {
namespace {

// By all filters, as in a live session.
Identity identity_of(std::string_view client, std::string_view dns) {
  const auto answers = dns::FakeAnswers::parse(dns).value();
  const auto document = conf::Document::parse("", "t").value();
  conf::Reading reading(document);
  conf::Reader root = reading.root();
  const Chain chain(root, Site{});
  SessionFacts facts;
  facts.client.address = IpAddress::parse(client).value();
  std::vector<dns::Question> questions = chain.wants(facts);
  while (!questions.empty()) {
    for (const dns::Question& question : questions) {
      facts.dns.answer(question, answers.find(question).answer);
    }
    questions = chain.wants(facts);
  }
  const Identity identity = identify(facts, chain.judge_by("network", facts));
  EXPECT_EQ(identity, identify(facts, chain.judge(facts)));  // no other filter has a say
  return identity;
}

std::string organisation_of(std::string_view client, std::string_view dns) {
  return identity_of(client, dns).organisation;
}

TEST(Identity, IsTheOrganisationOfAConfirmedName) {
  EXPECT_EQ(organisation_of("203.0.113.9",
                            "203.0.113.9 PTR 300 mail.sender.co.uk\n"
                            "mail.sender.co.uk A 300 203.0.113.9\n"),
            "sender.co.uk");
}

TEST(Identity, IsNoNameThatDoesNotLeadBack) {
  EXPECT_EQ(organisation_of("203.0.113.9",
                            "203.0.113.9 PTR 300 mail.sender.net\n"
                            "mail.sender.net A 300 192.0.2.1\n"),
            "");
  EXPECT_EQ(organisation_of("203.0.113.9", ""), "");
}

TEST(Identity, IsNoNameWhileTheDnsIsInTrouble) {
  EXPECT_EQ(organisation_of("203.0.113.9",
                            "203.0.113.9 PTR 300 mail.sender.net\n"
                            "mail.sender.net A SERVFAIL\n"),
            "");
}

TEST(Identity, IsNoNameThatAProviderGivesToAnyLine) {
  EXPECT_EQ(organisation_of("203.0.113.9",
                            "203.0.113.9 PTR 300 dsl-203-0-113-9.isp.net\n"
                            "dsl-203-0-113-9.isp.net A 300 203.0.113.9\n"),
            "");
}

TEST(Identity, IsNoNameOfACloud) {
  EXPECT_EQ(
      organisation_of("3.131.215.38",
                      "3.131.215.38 PTR 300 ec2-3-131-215-38.us-east-2.compute.amazonaws.com\n"
                      "ec2-3-131-215-38.us-east-2.compute.amazonaws.com A 300 3.131.215.38\n"),
      "");
}

TEST(Identity, OfSeveralNamesIsTheFirstThatIsItsOwn) {
  EXPECT_EQ(organisation_of("203.0.113.9",
                            "203.0.113.9 PTR 300 dsl-203-0-113-9.isp.net mail.sender.net\n"
                            "dsl-203-0-113-9.isp.net A 300 203.0.113.9\n"
                            "mail.sender.net A 300 203.0.113.9\n"),
            "sender.net");
}

}  // namespace
}  // namespace smtpguard::filters::memory
