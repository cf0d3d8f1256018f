#include "dns/settings.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "conf/reader.hpp"

namespace smtpguard::dns {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct Loaded {
  Settings settings;
  std::vector<std::string> errors;
  std::vector<std::string> warnings;
};

Loaded load(const std::string& text, const std::string& name = "t.toml") {
  const auto document = conf::Document::parse(text, name);
  EXPECT_TRUE(document.has_value()) << text;
  conf::Reading reading(*document);
  Loaded loaded;
  loaded.settings = read_settings(reading.root().section("dns"));
  reading.finish();
  loaded.errors = reading.report().errors();
  loaded.warnings = reading.report().warnings();
  return loaded;
}

TEST(DnsSettings, ServersAreAddressesWithOrWithoutAPort) {
  const Loaded loaded = load(R"([dns]
servers = ["127.0.0.1", "::1", "[::1]:5353", "127.0.0.2:54"]
budget = "500ms"
cache_entries = 1000
)");
  EXPECT_THAT(loaded.errors, IsEmpty());
  EXPECT_THAT(loaded.warnings, IsEmpty());
  EXPECT_THAT(loaded.settings.servers,
              ElementsAre(*Endpoint::parse("127.0.0.1:53"), *Endpoint::parse("[::1]:53"),
                          *Endpoint::parse("[::1]:5353"), *Endpoint::parse("127.0.0.2:54")));
  EXPECT_EQ(loaded.settings.budget, 500ms);
  EXPECT_EQ(loaded.settings.cache.most_entries, 1000U);
  EXPECT_FALSE(loaded.settings.answers.has_value());
}

TEST(DnsSettings, WithoutServersThoseOfTheMachineAreAsked) {
  const Loaded loaded = load("");
  EXPECT_THAT(loaded.errors, IsEmpty());
  EXPECT_THAT(loaded.warnings, IsEmpty());
  EXPECT_FALSE(loaded.settings.servers.empty());
  EXPECT_EQ(loaded.settings.budget, 3s);
  EXPECT_EQ(loaded.settings.cache.most_entries, CacheSettings().most_entries);
}

TEST(DnsSettings, AServerElsewhereIsWarnedOf) {
  EXPECT_THAT(
      load("[dns]\nservers = [\"192.0.2.53\"]").warnings,
      ElementsAre(HasSubstr("t.toml:2:12: dns.servers: 192.0.2.53 is not on this machine")));
}

TEST(DnsSettings, WhatIsNoServerIsToldWithItsPlace) {
  for (const auto* entry :
       {"localhost", "192.0.2.1:0", "192.0.2.1:", "", "192.0.2.0/24", "::1%lo"}) {
    const Loaded loaded = load("[dns]\nservers = [\"" + std::string(entry) + "\"]");
    EXPECT_THAT(loaded.errors, ElementsAre(HasSubstr("t.toml:2:12: dns.servers: found"))) << entry;
    EXPECT_FALSE(loaded.settings.servers.empty());
  }
  EXPECT_THAT(
      load("[dns]\nservers = [\"::1\",\"::1\",\"::1\",\"::1\",\"::1\",\"::1\",\"::1\"]").errors,
      ElementsAre(HasSubstr("more than 6")));
  EXPECT_THAT(load("[dns]\nbudget = \"1m\"\ncache_entries = 1\n").errors,
              ElementsAre(HasSubstr("from 100ms to 30s"), HasSubstr("100 to 10000000")));
}

TEST(DnsSettings, AnswersOfAFileStandBesideTheConfiguration) {
  const auto folder = std::filesystem::path(testing::TempDir()) / "smtpguard-dns-settings";
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "good") << "mail.example.net A 300 192.0.2.9\n";
  std::ofstream(folder / "bad") << "mail.example.net A 300 nonsense\n";
  const std::string name = folder / "t.toml";
  const Loaded good = load("[dns]\nanswers = \"good\"", name);
  EXPECT_THAT(good.errors, IsEmpty());
  EXPECT_THAT(good.warnings, ElementsAre(HasSubstr("the DNS is not asked")));
  ASSERT_TRUE(good.settings.answers.has_value());
  EXPECT_EQ(good.settings.answers->find({"mail.example.net", RecordType::A}).answer.outcome,
            Outcome::Found);
  EXPECT_THAT(load("[dns]\nanswers = \"bad\"", name).errors, ElementsAre(HasSubstr("line 1")));
  EXPECT_THAT(load("[dns]\nanswers = \"none\"", name).errors, ElementsAre(HasSubstr("none: ")));
  EXPECT_THAT(load("[dns]\nanswers = \"\"", name).errors, IsEmpty());
  std::filesystem::remove_all(folder);
}

TEST(PublicOperator, KnowsTheResolversOfTheWorld) {
  struct Case {
    const char* address;
    const char* name;
  };
  for (const auto& [address, name] :
       {Case{"1.1.1.1", "Cloudflare"}, Case{"8.8.8.8", "Google"}, Case{"9.9.9.9", "Quad9"},
        Case{"2606:4700:4700::1111", "Cloudflare"}, Case{"185.12.64.2", "Hetzner"},
        Case{"127.0.0.1", ""}, Case{"8.8.8.9", ""}, Case{"192.168.1.1", ""}, Case{"::1", ""}}) {
    EXPECT_EQ(public_operator(*IpAddress::parse(address)), name) << address;
  }
}

}  // namespace
}  // namespace smtpguard::dns
