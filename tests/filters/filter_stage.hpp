// FilterStage — one filter on a stage: the facts of a session, a DNS from text, and what it finds.
// Owns: all of it.   Called by: the tests of single filters.   Fails: a bad configuration or DNS
// text throws. It plays the rounds of a live session: asks what the filter wants until nothing is
// new.
#pragma once

#include <fmt/format.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "conf/reader.hpp"
#include "dns/fake_resolver.hpp"
#include "filters/filter.hpp"

namespace smtpguard::filters {

class FilterStage {
 public:
  explicit FilterStage(const FilterKind& kind, std::string_view dns = "",
                       std::string_view configuration = "")
      : answers_(dns::FakeAnswers::parse(dns).value()) {
    site.hostname = "mx.guarded.net";
    site.addresses = {IpAddress::parse("198.51.100.7").value(),
                      IpAddress::parse("2001:db8:7::7").value()};
    site.recipients.add("guarded.net");
    facts.client = {IpAddress::parse("203.0.113.9").value(), 40000};
    facts.listener = {IpAddress::parse("198.51.100.8").value(), 25};
    const auto document = conf::Document::parse(configuration, "stage.toml").value();
    conf::Reading reading(document);
    conf::Reader root = reading.root();
    filter_ = kind.make(root, site);
    reading.finish();
    if (reading.report().has_errors()) {
      throw std::runtime_error("the configuration of the stage is bad");
    }
  }

  void client(std::string_view address) {
    facts.client.address = IpAddress::parse(address).value();
  }

  // "A mail.example.net" for each question that it asks, in order.
  std::vector<std::string> play() {
    std::vector<std::string> asked;
    bool is_new = true;
    while (is_new) {
      is_new = false;
      std::vector<dns::Question> questions;
      filter_->wants(facts, questions);
      for (const dns::Question& question : questions) {
        if (!facts.dns.is_asked(question)) {
          is_new = true;
          asked.push_back(dns::to_string(question));
          facts.dns.answer(question, answers_.find(question).answer);
        }
      }
    }
    return asked;
  }

  void judge(Findings& found) const { filter_->judge(facts, found); }

  // "helo.self fail: mx.guarded.net", what did not pass.
  std::vector<std::string> findings() const {
    Findings found;
    filter_->judge(facts, found);
    std::vector<std::string> texts;
    for (const Finding& finding : found) {
      if (finding.outcome != Outcome::Pass && finding.outcome != Outcome::Skip) {
        texts.push_back(
            fmt::format("{} {}: {}", name_of(finding), to_string(finding.outcome), finding.detail));
      }
    }
    return texts;
  }

  // All of them, as the policy gets them.
  Findings judge() const {
    Findings found;
    filter_->judge(facts, found);
    return found;
  }

  Site site;
  SessionFacts facts;

 private:
  dns::FakeAnswers answers_;
  std::unique_ptr<const Filter> filter_;
};

}  // namespace smtpguard::filters
