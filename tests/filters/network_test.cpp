#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "filters/builtin_lists.hpp"
#include "filters/host_list.hpp"
#include "tests/filters/filter_stage.hpp"

namespace smtpguard::filters {

extern const FilterKind kNetwork;

namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Row {
  const char* what;
  const char* client;
  const char* dns;
  std::vector<std::string> findings;
};

void PrintTo(const Row& row, std::ostream* out) {
  *out << row.what;
}

class NetworkFilter : public ::testing::TestWithParam<Row> {};

TEST_P(NetworkFilter, FindsWhoseTheMachineIs) {
  FilterStage stage(kNetwork, GetParam().dns);
  stage.client(GetParam().client);
  stage.play();
  EXPECT_EQ(stage.findings(), GetParam().findings);
}

INSTANTIATE_TEST_SUITE_P(
    Scanners, NetworkFilter,
    ::testing::Values(
        Row{"nobody's", "203.0.113.9", "", {}},
        Row{"criminalip.com",
            "203.0.113.9",
            "203.0.113.9 PTR 300 s1.criminalip.com\ns1.criminalip.com A 300 203.0.113.9",
            {"network.scanner fail: s1.criminalip.com of criminalip.com (criminalip)"}},
        Row{"cyberresilience.io",
            "203.0.113.9",
            "203.0.113.9 PTR 300 a.cyberresilience.io\na.cyberresilience.io A 300 203.0.113.9",
            {"network.scanner fail: a.cyberresilience.io of cyberresilience.io (cyberresilience)"}},
        Row{"internet-measurement.com",
            "203.0.113.9",
            "203.0.113.9 PTR 300 x.internet-measurement.com\n"
            "x.internet-measurement.com A 300 203.0.113.9",
            {"network.scanner fail: x.internet-measurement.com of internet-measurement.com "
             "(internet-measurement)"}},
        Row{"securing-email.com",
            "203.0.113.9",
            "203.0.113.9 PTR 300 securing-email.com\nsecuring-email.com A 300 203.0.113.9",
            {"network.scanner fail: securing-email.com of securing-email.com (securing-email)"}},
        Row{"shadowserver.org",
            "65.49.1.108",
            "65.49.1.108 PTR 300 scan-59a.shadowserver.org\n"
            "scan-59a.shadowserver.org A 300 65.49.1.108",
            {"network.scanner fail: scan-59a.shadowserver.org of shadowserver.org "
             "(shadowserver)"}},
        Row{"by its network alone",
            "65.49.1.108",
            "65.49.1.108 PTR SERVFAIL",
            {"network.scanner fail: 65.49.1.108 of 65.49.1.0/24 (shadowserver)"}},
        Row{"by its IPv6 network",
            "2001:470:1:332::7",
            "",
            {"network.scanner fail: 2001:470:1:332::7 of 2001:470:1:332::/64 (shadowserver)"}},
        Row{"not by a name that does not lead back",
            "203.0.113.9",
            "203.0.113.9 PTR 300 scan.shadowserver.org",
            {}},
        Row{"not by a name that only ends alike",
            "203.0.113.9",
            "203.0.113.9 PTR 300 scan.notshadowserver.org\n"
            "scan.notshadowserver.org A 300 203.0.113.9",
            {}}));

INSTANTIATE_TEST_SUITE_P(
    Clouds, NetworkFilter,
    ::testing::Values(
        Row{"compute.amazonaws.com",
            "3.131.215.38",
            "3.131.215.38 PTR 300 ec2-3-131-215-38.us-east-2.compute.amazonaws.com\n"
            "ec2-3-131-215-38.us-east-2.compute.amazonaws.com A 300 3.131.215.38",
            {"network.cloud fail: ec2-3-131-215-38.us-east-2.compute.amazonaws.com of "
             "compute.amazonaws.com (amazon)"}},
        Row{"googleusercontent.com",
            "162.216.149.104",
            "162.216.149.104 PTR 300 104.149.216.162.bc.googleusercontent.com\n"
            "104.149.216.162.bc.googleusercontent.com A 300 162.216.149.104",
            // Who rents it is known as well.
            {"network.scanner fail: 162.216.149.104 of 162.216.148.0/22 (palo-alto-networks)",
             "network.cloud fail: 104.149.216.162.bc.googleusercontent.com of "
             "googleusercontent.com (google)"}},
        Row{"by its network, without a name",
            "3.131.215.38",
            "",
            {"network.cloud_unnamed fail: 3.131.215.38 of 3.128.0.0/12 (amazon)"}},
        Row{"by its network, with a name that does not lead back",
            "3.131.215.38",
            "3.131.215.38 PTR 300 mail.sender.net",
            {"network.cloud_unnamed fail: 3.131.215.38 of 3.128.0.0/12 (amazon)"}},
        Row{"not with a name of its own",
            "3.131.215.38",
            "3.131.215.38 PTR 300 mail.sender.net\nmail.sender.net A 300 3.131.215.38",
            {}},
        Row{"not Gmail",
            "209.85.210.41",
            "209.85.210.41 PTR 300 mail-ot1-f41.google.com\n"
            "mail-ot1-f41.google.com A 300 209.85.210.41",
            {}},
        Row{"perhaps, when the DNS fails",
            "3.131.215.38",
            "3.131.215.38 PTR TIMEOUT",
            {"network.cloud_unnamed temperror: 3.131.215.38 of 3.128.0.0/12 (amazon)"}}));

TEST(Network, SaysNothingOfCloudsWhileTheNameIsOpen) {
  FilterStage stage(kNetwork);
  stage.client("3.131.215.38");
  EXPECT_THAT(stage.findings(), IsEmpty());
}

TEST(Network, DoesWithoutTheListsThatAreCompiledIn) {
  FilterStage stage(kNetwork, "", "network.builtin_lists = false");
  stage.client("65.49.1.108");
  stage.play();
  EXPECT_THAT(stage.findings(), IsEmpty());
}

// A file of this test's own, gone with it.
class ListFile {
 public:
  explicit ListFile(const std::string& content)
      : path_(fmt::format("{}network_list.{}", testing::TempDir(), ::getpid())) {
    std::ofstream(path_) << content;
  }
  ~ListFile() { std::remove(path_.c_str()); }

  std::string list(const std::string& keys = "") const {
    return fmt::format("[[network.list]]\nlabel = \"drop\"\nfiles = [\"{}\"]\n{}", path_, keys);
  }

 private:
  std::string path_;
};

Findings found(const std::string& toml, const char* client, const char* dns = "") {
  FilterStage stage(kNetwork, dns, "[network]\nbuiltin_lists = false\n" + toml);
  stage.client(client);
  stage.play();
  return stage.judge();
}

TEST(Network, KnowsListsOfTheAdministratorInTheirPublishedForms) {
  const ListFile file(
      "; Spamhaus DROP List\n203.0.113.0/24 ; SBL256894\n"
      "{\"cidr\":\"2001:db8::/32\",\"sblid\":\"SBL7\",\"rir\":\"x\"}\n"
      "{\"type\":\"metadata\",\"size\":2}\nevil.example\n");
  const Findings four = found(file.list(), "203.0.113.9");
  ASSERT_EQ(four.size(), 1U);
  EXPECT_EQ(name_of(four[0]), "network.list.drop");
  EXPECT_EQ(four[0].detail, "203.0.113.0/24 (SBL256894)");
  EXPECT_EQ(four[0].weight, points(4));
  const Findings six = found(file.list("score = 8"), "2001:db8::9");
  ASSERT_EQ(six.size(), 1U);
  EXPECT_EQ(six[0].detail, "2001:db8::/32 (SBL7)");
  EXPECT_EQ(six[0].weight, points(8));
  EXPECT_THAT(found(file.list(), "198.51.100.9"), IsEmpty());
  const Findings by_name =
      found(file.list("mode = \"require\""), "198.51.100.9",
            "198.51.100.9 PTR 60 a.evil.example\na.evil.example A 60 198.51.100.9");
  ASSERT_EQ(by_name.size(), 1U);
  EXPECT_EQ(by_name[0].detail, "evil.example");
  EXPECT_EQ(by_name[0].weight, kRequire);
  EXPECT_THAT(found(file.list("mode = \"off\""), "203.0.113.9"), IsEmpty());
}

TEST(Network, TellsWhatIsWrongWithAList) {
  const ListFile good("203.0.113.0/24\n");
  const ListFile bad("203.0.113.1/24\n");
  for (const auto& [toml, told] : std::vector<std::pair<std::string, const char*>>{
           {bad.list(), "network.list.files: 203.0.113.1/24: bits are set behind the prefix"},
           {"[[network.list]]\nlabel = \"a b\"\nfiles = []\n", "allowed: 1 to 32 letters"},
           {"[[network.list]]\nlabel = \"a\"\n", "network.list.files: missing"},
           {"[[network.list]]\nlabel = \"a\"\nfiles = []\n[[network.list]]\nlabel = \"A\"\nfiles = "
            "[]\n",
            "\"A\" is taken by another list"},
           {"[[network.list]]\nlabel = \"a\"\nfiles = []\nscore = 0\n", "network.list.score"},
       }) {
    const auto document = conf::Document::parse(toml, "t").value();
    conf::Reading reading(document);
    conf::Reader root = reading.root();
    kNetwork.make(root, Site{});
    EXPECT_THAT(reading.report().errors(), ElementsAre(testing::HasSubstr(told))) << toml;
  }
}

// Each is read, of the scanners as of the clouds, once.
TEST(BuiltinLists, HoldOnlyGoodLinesAndNoneTwice) {
  for (const auto& lines : {builtin_scanners(), builtin_clouds()}) {
    EXPECT_GT(lines.size(), 300U);
    std::vector<std::string> seen;
    for (const std::string_view line : lines) {
      const auto entry = HostList::parse(line);
      ASSERT_TRUE(entry) << line;
      EXPECT_NE(line.find(' '), std::string_view::npos) << line;
      seen.emplace_back(line.substr(0, line.find(' ')));
    }
    std::sort(seen.begin(), seen.end());
    EXPECT_EQ(std::adjacent_find(seen.begin(), seen.end()), seen.end());
  }
}

std::string label_of(std::string_view line) {
  const auto entry = HostList::parse(line);
  return entry ? entry->label : "error: " + entry.error().text;
}

TEST(HostList, ReadsNetworksAndNames) {
  EXPECT_EQ(label_of("192.0.2.0/24 lab"), "lab");
  EXPECT_EQ(label_of("2001:db8::/32\t lab"), "lab");
  EXPECT_EQ(label_of("192.0.2.1"), "");
  EXPECT_EQ(label_of("Scan.Example.ORG"), "");
  EXPECT_TRUE(label_of("192.0.2.0/24 two words").starts_with("error"));
  EXPECT_TRUE(label_of("192.0.2.1/24 lab").starts_with("error"));
  EXPECT_TRUE(label_of("192.0.2.999 lab").starts_with("error"));
  EXPECT_TRUE(label_of("localhost lab").starts_with("error"));
}

TEST(HostList, FindsOneOfAMillionInMicroseconds) {
  std::vector<HostList::Entry> entries;
  for (std::uint32_t i = 0; i < 1'000'000; ++i) {
    const auto byte = [i](int shift) { return static_cast<std::uint8_t>(i >> shift & 0xFFU); };
    entries.push_back({Cidr{IpAddress::v4({byte(16), byte(8), byte(0), 128}), 25}, "SBL"});
  }
  const HostList list(std::move(entries));
  const auto began = std::chrono::steady_clock::now();
  for (std::uint8_t i = 0; i < 100; ++i) {
    EXPECT_TRUE(list.find(IpAddress::v4({7, i, 9, 200})).has_value());
    EXPECT_FALSE(list.find(IpAddress::v4({7, i, 9, 20})).has_value());
  }
  // Some 0.1 ms where it was written; looking through them all would take a second.
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::milliseconds(100));
}

TEST(HostList, GivesTheMostSpecificEntry) {
  const HostList list({HostList::parse("192.0.2.0/24 wide").value(),
                       HostList::parse("192.0.2.8/29 narrow").value(),
                       HostList::parse("example.org wide").value(),
                       HostList::parse("scan.example.org narrow").value()});
  EXPECT_EQ(list.find(IpAddress::parse("192.0.2.9").value()), "192.0.2.8/29 (narrow)");
  EXPECT_EQ(list.find(IpAddress::parse("192.0.2.99").value()), "192.0.2.0/24 (wide)");
  EXPECT_EQ(list.find(IpAddress::parse("192.0.3.1").value()), std::nullopt);
  EXPECT_EQ(list.find("a.SCAN.example.org"), "scan.example.org (narrow)");
  EXPECT_EQ(list.find("example.org"), "example.org (wide)");
  EXPECT_EQ(list.find("badexample.org"), std::nullopt);
  EXPECT_EQ(list.find(""), std::nullopt);
}

}  // namespace
}  // namespace smtpguard::filters
