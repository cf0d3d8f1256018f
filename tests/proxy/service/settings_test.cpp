#include "proxy/service/settings.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "filters/registry.hpp"

namespace smtpguard::service {
namespace {

using namespace std::chrono_literals;
using session::Identity;
using session::LogSettings;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::string_view kMinimum = R"(hostname = "mx.example.org"
[recipients]
domains = ["example.org"]
[[listener]]
address = "0.0.0.0:25"
[backend]
address = "127.0.0.1:10025"
)";

// Line 8 is the first of `more`.
LoadedSettings minimum_and(std::string_view more) {
  return parse_settings(std::string(kMinimum) + std::string(more), "s.toml");
}

TEST(Settings, MinimumGivesTheDefaultsOfTheStructs) {
  const auto loaded = minimum_and("");
  EXPECT_THAT(loaded.errors, IsEmpty());
  EXPECT_TRUE(loaded.ok());
  const auto& [fixed, runtime, warnings] = loaded.settings;
  EXPECT_THAT(warnings, IsEmpty());
  EXPECT_EQ(runtime.hostname, "mx.example.org");
  ASSERT_EQ(fixed.listeners.size(), 1U);
  EXPECT_EQ(fixed.listeners[0].address, Endpoint::parse("0.0.0.0:25"));
  EXPECT_EQ(fixed.listeners[0].policy, "default");
  EXPECT_EQ(runtime.greetings.at("default").greet_delay, 4s);
  EXPECT_TRUE(runtime.greetings.at("default").teaser);
  EXPECT_TRUE(fixed.listeners[0].proxy_from.empty());
  EXPECT_EQ(runtime.backend.address, Endpoint::parse("127.0.0.1:10025"));
  EXPECT_EQ(runtime.backend.identity, Identity::ProxyV2);
  EXPECT_EQ(runtime.backend.end_timeout, 570s);
  EXPECT_EQ(runtime.limits.connections, 1000U);
  EXPECT_TRUE(runtime.rules.site.recipients.contains("Example.ORG"));
  EXPECT_FALSE(runtime.rules.site.recipients.contains("sub.example.org"));
  EXPECT_TRUE(runtime.rules.site.access.allow.networks.empty());
  EXPECT_TRUE(fixed.log.syslog);
  EXPECT_TRUE(runtime.log_events);
}

TEST(Settings, EveryKeyArrivesInItsStruct) {
  const auto loaded = parse_settings(R"(hostname = "a.example"
[[listener]]
address = "192.0.2.1:2525"
proxy_from = ["192.0.2.10", "2001:db8::/32"]
policy = "fast"
bare_lf = "normalise"
eight_bit = "refuse"
[policy.fast]
greet_delay = "0s"
greet_max = "1s"
teaser = false
posture = "strict"
soft = true
contact = "see https://example.org/"
recipients = ["boss@example.org"]
thresholds = { tag = 3, defer = "never", reject = 9, drop = 20 }
tests = { early_talker = 2, access.deny = "require" }
[backend]
address = "[2001:db8::25]:25"
fallback = ["192.0.2.25:26"]
connections = 9
identity = "xclient"
connect_timeout = "1s"
greeting_timeout = "2s"
reply_timeout = "3s"
data_timeout = "4s"
end_timeout = "5s"
[recipients]
domains = [".example.org"]
[access]
allow = ["192.0.2.0/24"]
deny = ["198.51.100.7"]
[limits]
connections = 1
connections_per_address = 2
connections_per_network = 3
message_size = "1MB"
recipients = 4
transactions = 5
commands = 6
errors = 7
command_timeout = "11s"
stress_timeout = "5s"
memory = "256MB"
tarpit = "8s"
tarpit_connections = 8
data_timeout = "12s"
data_rate = 500
write_timeout = "13s"
session_timeout = "14s"
drain_timeout = "0s"
[log]
syslog = false
file = "/var/log/smtpguard.json"
file_format = "json"
events = false
)",
                                     "s.toml");
  ASSERT_THAT(loaded.errors, IsEmpty());
  EXPECT_THAT(loaded.settings.warnings, IsEmpty());
  const auto& [fixed, runtime, warnings] = loaded.settings;
  const auto& listener = fixed.listeners.at(0);
  EXPECT_EQ(listener.address, Endpoint::parse("192.0.2.1:2525"));
  EXPECT_EQ(listener.proxy_from.size(), 2U);
  EXPECT_EQ(listener.body.bare_lf, smtp::BareLf::Normalise);
  EXPECT_EQ(listener.body.eight_bit, session::EightBit::Refuse);
  EXPECT_EQ(listener.policy, "fast");
  EXPECT_EQ(runtime.greetings.at("fast").greet_delay, 0s);
  EXPECT_FALSE(runtime.greetings.at("fast").teaser);
  const auto& policy = runtime.rules.policies.find("fast")->policy;
  EXPECT_EQ(policy.posture(), filters::Posture::Strict);
  EXPECT_TRUE(policy.is_soft());
  EXPECT_EQ(policy.contact(), "see https://example.org/");
  EXPECT_EQ(policy.thresholds(), (filters::Thresholds{3, 3, {}, 9, 20}));
  const filters::Finding early = filters::failed(*filters::find_test("early_talker"), "");
  EXPECT_EQ(policy.weight(early), filters::points(2));
  const auto& backend = runtime.backend;
  EXPECT_EQ(backend.address, Endpoint::parse("[2001:db8::25]:25"));
  EXPECT_EQ(backend.fallback, std::vector{Endpoint::parse("192.0.2.25:26").value()});
  EXPECT_EQ(backend.connections, 9U);
  EXPECT_EQ(backend.identity, Identity::Xclient);
  EXPECT_EQ(backend.connect_timeout, 1s);
  EXPECT_EQ(backend.greeting_timeout, 2s);
  EXPECT_EQ(backend.reply_timeout, 3s);
  EXPECT_EQ(backend.data_timeout, 4s);
  EXPECT_EQ(backend.end_timeout, 5s);
  EXPECT_TRUE(runtime.rules.site.recipients.contains("mail.example.org"));
  EXPECT_TRUE(runtime.rules.site.access.allow.networks.contains(*IpAddress::parse("192.0.2.77")));
  EXPECT_TRUE(runtime.rules.site.access.deny.networks.contains(*IpAddress::parse("198.51.100.7")));
  const auto& limits = runtime.limits;
  EXPECT_EQ(limits.connections, 1U);
  EXPECT_EQ(limits.connections_per_address, 2U);
  EXPECT_EQ(limits.connections_per_network, 3U);
  EXPECT_EQ(limits.message_size, ByteCount{1'000'000});
  EXPECT_EQ(limits.recipients, 4U);
  EXPECT_EQ(limits.transactions, 5U);
  EXPECT_EQ(limits.commands, 6U);
  EXPECT_EQ(limits.errors, 7U);
  EXPECT_EQ(limits.command_timeout, 11s);
  EXPECT_EQ(limits.stress_timeout, 5s);
  EXPECT_EQ(limits.tarpit, 8s);
  EXPECT_EQ(limits.tarpit_connections, 8U);
  EXPECT_EQ(limits.data_timeout, 12s);
  EXPECT_EQ(limits.memory, ByteCount{256'000'000});
  EXPECT_EQ(limits.data_rate, ByteCount{500});
  EXPECT_EQ(limits.write_timeout, 13s);
  EXPECT_EQ(limits.session_timeout, 14s);
  EXPECT_EQ(limits.drain_timeout, 0s);
  EXPECT_FALSE(fixed.log.syslog);
  EXPECT_EQ(fixed.log.file, "/var/log/smtpguard.json");
  EXPECT_EQ(fixed.log.file_format, LogSettings::Format::Json);
  EXPECT_FALSE(fixed.log.events);
  EXPECT_FALSE(runtime.log_events);
}

TEST(Settings, OfAnEmptyFileTellsAllThatIsMissing) {
  const auto loaded = parse_settings("hostname = \"mx.example.org\"", "s.toml");
  EXPECT_THAT(loaded.errors,
              testing::UnorderedElementsAre(
                  "s.toml:1:1: listener: missing; expected: at least one [[listener]] with "
                  "an address",
                  "s.toml:1:1: backend.address: missing; expected: the MTA behind us, such "
                  "as \"127.0.0.1:10025\"",
                  "s.toml:1:1: recipients.domains: missing; expected: the domains whose "
                  "mail is taken, such as [\"example.org\"]; all other recipients are "
                  "refused"));
  EXPECT_FALSE(loaded.ok());
}

TEST(Settings, TellFiveErrorsInFiveLines) {
  const auto loaded = parse_settings(R"(hostname = "mx.example.org"
[[listener]]
adress = "0.0.0.0:25"
[policy.default]
greet_delay = "61s"
[backend]
address = "127.0.0.1:10025"
identity = "proxyv2"
[recipients]
domains = ["*.example.org"]
)",
                                     "smtpguard.toml");
  EXPECT_THAT(
      loaded.errors,
      ElementsAre(
          "smtpguard.toml:2:1: listener.address: missing; expected: where to listen, such as "
          "\"0.0.0.0:25\" or \"[::]:25\"",
          "smtpguard.toml:3:1: listener.adress: unknown key; allowed: address, bare_lf, "
          "eight_bit, policy, proxy_from; did you mean \"address\"?",
          "smtpguard.toml:5:15: policy.default.greet_delay: found \"61s\"; allowed: a time such as "
          "\"500ms\", \"6s\", \"5m\", \"2h\", from 0s to 1m",
          "smtpguard.toml:8:12: backend.identity: found \"proxyv2\"; allowed: proxy-v2, proxy-v1, "
          "xclient, none; did you mean \"proxy-v2\"?",
          "smtpguard.toml:10:12: recipients.domains: found \"*.example.org\"; allowed: "
          "\"example.org\" (itself), \".example.org\" (all below it); other scripts in xn-- "
          "form or UTF-8; did you mean \".example.org\"?"));
}

TEST(Settings, ContactLeavesRoomForTheReasons) {
  const auto with_contact = [](std::size_t length) {
    return minimum_and("[policy.x]\ncontact = \"" + std::string(length, 'c') + "\"\n");
  };
  EXPECT_THAT(with_contact(200).errors, IsEmpty());
  EXPECT_THAT(with_contact(201).errors,
              ElementsAre(HasSubstr("contact: has 201 octets; at most 200")));
}

struct Trouble {
  std::string_view more;
  std::string_view text;
};

TEST(Settings, CrossChecksTellBothPlaces) {
  const Trouble troubles[] = {
      {"[[listener]]\naddress = \"127.0.0.1:10025\"\n",
       "s.toml:7:11: backend.address: 127.0.0.1:10025 is our own listener 127.0.0.1:10025 at "
       "s.toml:9:11; every session would come back to us"},
      {"[[listener]]\naddress = \"0.0.0.0:10025\"\n",
       "s.toml:7:11: backend.address: 127.0.0.1:10025 is our own listener 0.0.0.0:10025 at "
       "s.toml:9:11; every session would come back to us"},
      {"[[listener]]\naddress = \"0.0.0.0:25\"\n",
       "s.toml:9:11: listener.address: 0.0.0.0:25 is taken by the listener 0.0.0.0:25 at "
       "s.toml:5:11"},
      {"[[listener]]\naddress = \"192.0.2.1:25\"\n",
       "s.toml:9:11: listener.address: 192.0.2.1:25 is taken by the listener 0.0.0.0:25 at "
       "s.toml:5:11"},
      {"[[listener]]\naddress = \"[::1]:25\"\npolicy = \"defualt\"\n",
       "s.toml:10:10: listener.policy: found \"defualt\"; allowed: the name of a policy: default; "
       "did you mean \"default\"?"},
      {"[access]\nallow = [\"192.0.2.0/24\"]\ndeny = [\"192.0.2.1\", \"192.0.2.0/24\"]\n",
       "s.toml:10:22: access.deny: 192.0.2.0/24 stands in the allow list too; keep it in one of "
       "them"},
      {"[access]\ndeny_files = [\"/nonexistent/deny\"]\n",
       "s.toml:9:15: access.deny_files: /nonexistent/deny: cannot be read: No such file or "
       "directory"},
      {"[log]\nfile = \"/nonexistent/smtpguard.log\"\n",
       "s.toml:9:8: log.file: the folder /nonexistent does not exist; create it, writable for the "
       "user that smtpguard runs as"},
      {"[policy.\"a b\"]\n",
       "s.toml:8:1: policy.\"a b\": bad name; allowed: 1 to 32 letters, digits, hyphens, "
       "underscores"},
  };
  for (const auto& [more, text] : troubles) {
    EXPECT_THAT(minimum_and(more).errors, ElementsAre(text));
  }
}

TEST(Settings, TakeOneAddressOfEachFamilyAndAnotherPort) {
  EXPECT_THAT(minimum_and("[[listener]]\naddress = \"[::]:25\"\n"
                          "[[listener]]\naddress = \"[::]:10025\"\n"
                          "[[listener]]\naddress = \"192.0.2.1:10025\"\n")
                  .errors,
              IsEmpty());
}

TEST(Settings, BackendMustBeADestination) {
  const auto loaded = parse_settings(
      "hostname = \"mx.example.org\"\n[recipients]\ndomains = [\"a.example\"]\n[[listener]]\n"
      "address = \"0.0.0.0:25\"\n[backend]\naddress = \"0.0.0.0:10025\"\n",
      "s.toml");
  EXPECT_THAT(loaded.errors, ElementsAre(HasSubstr("0.0.0.0:10025 is no destination")));
}

TEST(Settings, WarnOfWhatWorksAndIsProbablyNotMeant) {
  // The first [[listener]] and [backend] of the minimum cannot be reopened, so these stand alone.
  const auto with = [](std::string_view listener, std::string_view backend, std::string_view more) {
    auto loaded = parse_settings(
        std::string("hostname = \"mx.example.org\"\n[recipients]\ndomains = [\"a.example\"]\n"
                    "[[listener]]\naddress = \"0.0.0.0:25\"\n") +
            std::string(listener) + "[backend]\naddress = \"127.0.0.1:10025\"\n" +
            std::string(backend) + std::string(more),
        "s.toml");
    EXPECT_THAT(loaded.errors, IsEmpty());
    return loaded.settings.warnings;
  };
  EXPECT_THAT(with("proxy_from = [\"::/0\"]\n", "", ""),
              ElementsAre("s.toml:6:15: listener.proxy_from: ::/0 is everybody: any client can "
                          "claim any address by a PROXY header"));
  EXPECT_THAT(with("", "identity = \"none\"\n", ""),
              ElementsAre(HasSubstr("s.toml:8:12: backend.identity: none: the backend sees")));
  EXPECT_THAT(with("", "end_timeout = \"10m\"\n", ""),
              ElementsAre(HasSubstr("s.toml:8:15: backend.end_timeout: 10m is not below the 10m")));
  EXPECT_THAT(with("", "", "[policy.x]\n"),
              ElementsAre("s.toml:8:1: policy.x: no listener and no recipient uses this policy"));
  EXPECT_THAT(with("", "", "[log]\nsyslog = false\n"),
              ElementsAre("s.toml:9:10: log.syslog: false, and log.file is empty: nothing is "
                          "logged, but with -d"));
}

TEST(Settings, HostnameIsTheMachinesOwnIfThatIsQualified) {
  const auto text = kMinimum.substr(kMinimum.find('\n') + 1);
  const auto loaded = parse_settings(text, "s.toml");
  char own[256] = {};
  ASSERT_EQ(::gethostname(own, sizeof own - 1), 0);
  if (std::string_view(own).find('.') != std::string_view::npos) {
    EXPECT_EQ(loaded.settings.runtime.hostname, own);
  } else {
    EXPECT_THAT(loaded.errors,
                ElementsAre("s.toml:1:1: hostname: missing, and this machine's own name \"" +
                            std::string(own) +
                            "\" is not qualified; expected: the name that the greeting shows, "
                            "such as \"mx.example.org\""));
  }
}

TEST(Settings, SyntaxErrorComesAlone) {
  const auto loaded = parse_settings("hostname = 1\nbackend = \n", "s.toml");
  ASSERT_EQ(loaded.errors.size(), 1U);
  EXPECT_THAT(loaded.errors[0], testing::StartsWith("s.toml:2:"));
}

TEST(Settings, MissingFileIsOneClearLine) {
  EXPECT_THAT(load_settings("/nonexistent/smtpguard.toml").errors,
              ElementsAre("/nonexistent/smtpguard.toml: cannot be read: No such file or "
                          "directory"));
}

class SettingsFiles : public testing::Test {
 protected:
  SettingsFiles() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "smtpguard-settings-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
  }
  ~SettingsFiles() override { std::filesystem::remove_all(folder_); }

  std::string write(const std::string& name, std::string_view content) const {
    std::ofstream(folder_ / name, std::ios::binary) << content;
    return (folder_ / name).string();
  }

  std::filesystem::path folder_;
};

TEST_F(SettingsFiles, AreFoundBesideTheConfiguration) {
  write("domains", "# ours\nexample.net\n.example.com\n");
  write("deny", "203.0.113.0/24\n");
  const auto path = write("s.toml", R"(hostname = "mx.example.org"
[recipients]
files = ["domains"]
[access]
deny_files = ["deny"]
[[listener]]
address = "0.0.0.0:25"
[backend]
address = "127.0.0.1:10025"
[log]
file = "guard.log"
)");
  const auto loaded = load_settings(path);
  ASSERT_THAT(loaded.errors, IsEmpty());
  EXPECT_TRUE(loaded.settings.runtime.rules.site.recipients.contains("example.net"));
  EXPECT_TRUE(loaded.settings.runtime.rules.site.recipients.contains("a.example.com"));
  EXPECT_TRUE(loaded.settings.runtime.rules.site.access.deny.networks.contains(
      *IpAddress::parse("203.0.113.9")));
  EXPECT_EQ(loaded.settings.fixed.log.file, (folder_ / "guard.log").string());
}

TEST(Settings, TakeALogFileBesideAConfigurationThatWasNamedWithoutAFolder) {
  const auto loaded = minimum_and("[log]\nfile = \"guard.log\"\n");
  EXPECT_THAT(loaded.errors, IsEmpty());
}

TEST_F(SettingsFiles, TellErrorsWithTheirOwnLine) {
  const auto domains = write("domains", "example.net\njoe@example.org\n");
  const auto path = write("s.toml", std::string(kMinimum.substr(0, kMinimum.find("domains"))) +
                                        "files = [\"domains\"]\n" +
                                        std::string(kMinimum.substr(kMinimum.find("[[listener"))));
  EXPECT_THAT(
      load_settings(path).errors,
      ElementsAre(testing::AllOf(testing::StartsWith(domains + ":2:1: recipients.domains: "),
                                 testing::EndsWith("did you mean \"example.org\"?"))));
}

TEST(SettingsInForce, AreToldWithTheirLinesAndDefaults) {
  const auto loaded = parse_settings(
      "hostname = \"mx.example.net\"\n"
      "[[listener]]\naddress = \"127.0.0.1:2525\"\n"
      "[[listener]]\naddress = \"127.0.0.1:2526\"\nbare_lf = \"normalise\"\n"
      "[backend]\naddress = \"127.0.0.1:10025\"\n"
      "[recipients]\ndomains = [\"example.net\", \"example.org\"]\n"
      "[policy.default]\nposture = \"balanced\"\ntests.early_talker = 5\n",
      "t.toml");
  ASSERT_TRUE(loaded.ok());
  const auto find = [&](const std::string& table, const std::string& key, std::uint32_t line) {
    const auto found =
        std::find_if(loaded.in_force.begin(), loaded.in_force.end(), [&](const conf::InForce& one) {
          return one.table == table && one.key == key && one.line == line;
        });
    return found == loaded.in_force.end()
               ? std::string("none")
               : found->value + (found->is_default() ? " (default)" : "");
  };
  EXPECT_EQ(find("", "hostname", 1), "\"mx.example.net\"");
  EXPECT_EQ(find("listener", "address", 3), "\"127.0.0.1:2525\"");
  EXPECT_EQ(find("listener", "bare_lf", 0), "\"refuse\" (default)");
  EXPECT_EQ(find("listener", "bare_lf", 6), "\"normalise\"");
  EXPECT_EQ(find("recipients", "domains", 10), "[\"example.net\", \"example.org\"]");
  EXPECT_EQ(find("limits", "message_size", 0), "\"50MB\" (default)");
  EXPECT_EQ(find("policy.default", "greet_delay", 0), "\"4s\" (default)");
  EXPECT_EQ(find("policy.default.tests", "early_talker", 13), "5");
  EXPECT_EQ(find("policy.default.tests", "pipelining", 0), "6 (default)") << "of its posture";
  EXPECT_EQ(find("policy.default.thresholds", "reject", 0), "8 (default)");
}

TEST(SettingsInForce, NameEveryKeyThatTheReaderKnows) {
  const auto loaded = load_settings(std::string(SMTPGUARD_SOURCE_DIR) + "/conf/smtpguard.toml");
  ASSERT_TRUE(loaded.ok());
  for (const std::string& key : loaded.known_keys) {
    EXPECT_TRUE(std::any_of(loaded.in_force.begin(), loaded.in_force.end(),
                            [&](const conf::InForce& one) {
                              return (one.table.empty() ? one.key : one.table + '.' + one.key) ==
                                     key;
                            }))
        << key;
  }
}

TEST(Settings, NoWeightLetsAnybodyRelay) {
  const auto loaded = minimum_and(R"(
[policy.default.tests]
relay.foreign = "off"
)");
  ASSERT_EQ(loaded.errors.size(), 1U);
  EXPECT_NE(loaded.errors.front().find("tests.relay.foreign: refuses under every posture"),
            std::string::npos)
      << loaded.errors.front();
}

}  // namespace
}  // namespace smtpguard::service
