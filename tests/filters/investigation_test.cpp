// Investigation with a resolver that never answers by itself, and a time that the test names.
#include "filters/investigation.hpp"

#include <gtest/gtest.h>

#include "conf/document.hpp"
#include "conf/reader.hpp"
#include "filters/rulebook.hpp"

namespace smtpguard::filters {
namespace {

using namespace std::chrono_literals;

class Patient final : public dns::Resolver {
 public:
  dns::LookupHandle ask(const dns::Question& question, dns::Sink sink) override {
    asked.emplace_back(question, std::make_shared<dns::Lookup>(std::move(sink)));
    return dns::LookupHandle(asked.back().second);
  }
  void answer(const std::string& name, const dns::Answer& answer) {
    for (std::size_t i = 0; i < asked.size(); ++i) {
      if (asked[i].first.name == name) {
        const auto lookup = asked[i].second;  // an answer may bring another question
        lookup->deliver(answer);
      }
    }
  }
  std::vector<std::pair<dns::Question, dns::SharedLookup>> asked;
};

class InvestigationTest : public testing::Test {
 protected:
  InvestigationTest() {
    facts.client = {IpAddress::parse("203.0.113.9").value(), 40000};
    investigation.call_with_news([this](Investigation::News news) {
      answered += news == Investigation::News::Complete ? 1 : 0;
    });
  }

  static Rulebook read(const std::string& toml) {
    const auto document = conf::Document::parse(toml, "t").value();
    conf::Reading reading(document);
    conf::Reader root = reading.root();
    return read_rulebook(root, "mx.guarded.net");
  }

  Rulebook book = read("[recipients]\ndomains = [\"guarded.net\"]\n");
  SessionFacts facts;
  Patient resolver;
  Investigation investigation{*book.chain, facts, resolver, 3s};
  TimePoint start{1h};
  int answered = 0;
};

constexpr const char* kReverse = "9.113.0.203.in-addr.arpa";

TEST_F(InvestigationTest, ALaterStageGivesAnEarlierOneNoMoreTime) {
  investigation.pursue(start);
  EXPECT_EQ(investigation.deadline(), start + 3s);
  facts.helo = "mail.sender.net";
  investigation.pursue(start + 2s);
  EXPECT_EQ(investigation.deadline(), start + 3s) << "of the reverse name";
  investigation.look(start + 3s);
  ASSERT_NE(facts.dns.find(kReverse, dns::RecordType::PTR), nullptr);
  EXPECT_EQ(facts.dns.find(kReverse, dns::RecordType::PTR)->outcome, dns::Outcome::Timeout);
  EXPECT_FALSE(investigation.is_complete());
  EXPECT_EQ(investigation.deadline(), start + 5s) << "of what HELO led to";
  investigation.look(start + 5s);
  EXPECT_TRUE(investigation.is_complete());
  EXPECT_EQ(answered, 0) << "nobody is called from look()";
}

TEST_F(InvestigationTest, WhatFollowsFromAnAnswerHasTheTimeOfItsStage) {
  investigation.pursue(start);
  dns::Answer ptr = dns::without_records(dns::Outcome::Found);
  ptr.records().names = {"mail.sender.net"};
  resolver.answer(kReverse, ptr);
  ASSERT_EQ(resolver.asked.back().first.name, "mail.sender.net");
  EXPECT_EQ(investigation.deadline(), start + 3s);
  resolver.answer("mail.sender.net", dns::without_records(dns::Outcome::NoSuchName));
  EXPECT_TRUE(investigation.is_complete());
  EXPECT_EQ(answered, 1);
}

TEST_F(InvestigationTest, ASlowListIsNotWaitedFor) {
  auto health = std::make_shared<dns::ListHealth>();
  health->slow.insert("113.0.203.in-addr.arpa");  // as if it were one
  facts.lists = health;
  investigation.pursue(start);
  EXPECT_TRUE(investigation.is_complete());
  EXPECT_FALSE(investigation.is_all_answered());
  resolver.answer(kReverse, dns::without_records(dns::Outcome::NoSuchName));
  EXPECT_TRUE(investigation.is_all_answered());
  EXPECT_EQ(facts.dns.find(kReverse, dns::RecordType::PTR)->outcome, dns::Outcome::NoSuchName);
}

TEST_F(InvestigationTest, AnAnswerThatComesTooLateChangesNothing) {
  investigation.pursue(start);
  investigation.look(start + 3s);
  dns::Answer ptr = dns::without_records(dns::Outcome::Found);
  ptr.records().names = {"mail.sender.net"};
  resolver.answer(kReverse, ptr);
  EXPECT_EQ(facts.dns.find(kReverse, dns::RecordType::PTR)->outcome, dns::Outcome::Timeout);
}

}  // namespace
}  // namespace smtpguard::filters
