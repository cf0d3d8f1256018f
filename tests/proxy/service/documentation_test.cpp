// The sample, the examples and the manual must follow the reader: each key that it knows stands in
// the sample and in smtpguard.toml(5), and each configuration of ours loads without a word.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "conf/document.hpp"
#include "filters/registry.hpp"
#include "proxy/service/settings.hpp"

namespace smtpguard::service {
namespace {

using testing::IsEmpty;

const std::string kConf = std::string(SMTPGUARD_SOURCE_DIR) + "/conf/";

std::string content_of(const std::string& path) {
  std::ifstream in(path);
  EXPECT_TRUE(in) << path;
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

void collect_keys(const conf::Value& value, const std::string& path, std::set<std::string>& out) {
  if (const auto* table = std::get_if<conf::Table>(&value.content)) {
    for (const auto& entry : *table) {
      collect_keys(entry.value, path.empty() ? entry.key : path + '.' + entry.key, out);
    }
    return;
  }
  const auto* items = std::get_if<conf::Array>(&value.content);
  const bool are_tables = items != nullptr && !items->empty() &&
                          std::holds_alternative<conf::Table>(items->front().content);
  if (!are_tables) {
    out.insert(path);
    return;
  }
  for (const auto& item : *items) {
    collect_keys(item, path, out);
  }
}

TEST(Sample, LoadsWithoutErrorsAndWarnings) {
  const auto loaded = load_settings(kConf + "smtpguard.toml");
  EXPECT_THAT(loaded.errors, IsEmpty());
  EXPECT_THAT(loaded.settings.warnings, IsEmpty());
}

TEST(Sample, HoldsEveryKeyThatTheReaderKnows) {
  const auto document = conf::Document::load(kConf + "smtpguard.toml");
  ASSERT_TRUE(document.has_value());
  std::set<std::string> keys;
  collect_keys(document->root(), "", keys);
  const auto known = load_settings(kConf + "smtpguard.toml").known_keys;
  EXPECT_THAT(keys, testing::UnorderedElementsAreArray(known));
}

TEST(Sample, ShowsTheDefaultsOfTheStructs) {
  const auto loaded = load_settings(kConf + "smtpguard.toml");
  const auto& backend = loaded.settings.runtime.backend;
  const session::BackendSettings backend_default;
  EXPECT_EQ(backend.fallback, backend_default.fallback);
  EXPECT_EQ(backend.connections, backend_default.connections);
  EXPECT_EQ(backend.identity, backend_default.identity);
  EXPECT_EQ(backend.connect_timeout, backend_default.connect_timeout);
  EXPECT_EQ(backend.greeting_timeout, backend_default.greeting_timeout);
  EXPECT_EQ(backend.reply_timeout, backend_default.reply_timeout);
  EXPECT_EQ(backend.data_timeout, backend_default.data_timeout);
  EXPECT_EQ(backend.end_timeout, backend_default.end_timeout);
  const auto& limits = loaded.settings.runtime.limits;
  const session::LimitSettings limits_default;
  EXPECT_EQ(limits.connections, limits_default.connections);
  EXPECT_EQ(limits.connections_per_address, limits_default.connections_per_address);
  EXPECT_EQ(limits.connections_per_network, limits_default.connections_per_network);
  EXPECT_EQ(limits.message_size, limits_default.message_size);
  EXPECT_EQ(limits.recipients, limits_default.recipients);
  EXPECT_EQ(limits.transactions, limits_default.transactions);
  EXPECT_EQ(limits.commands, limits_default.commands);
  EXPECT_EQ(limits.errors, limits_default.errors);
  EXPECT_EQ(limits.command_timeout, limits_default.command_timeout);
  EXPECT_EQ(limits.stress_timeout, limits_default.stress_timeout);
  EXPECT_EQ(limits.memory, limits_default.memory);
  EXPECT_EQ(limits.tarpit, limits_default.tarpit);
  EXPECT_EQ(limits.tarpit_connections, limits_default.tarpit_connections);
  EXPECT_EQ(limits.data_timeout, limits_default.data_timeout);
  EXPECT_EQ(limits.data_rate, limits_default.data_rate);
  EXPECT_EQ(limits.write_timeout, limits_default.write_timeout);
  EXPECT_EQ(limits.session_timeout, limits_default.session_timeout);
  EXPECT_EQ(limits.drain_timeout, limits_default.drain_timeout);
  const auto& body = loaded.settings.fixed.listeners.at(0).body;
  EXPECT_EQ(body.bare_lf, session::BodySettings{}.bare_lf);
  EXPECT_EQ(body.eight_bit, session::BodySettings{}.eight_bit);
  const auto& greeting = loaded.settings.runtime.greetings.at("default");
  EXPECT_EQ(greeting.greet_delay, session::GreetingSettings{}.greet_delay);
  EXPECT_EQ(greeting.greet_max, session::GreetingSettings{}.greet_max);
  EXPECT_EQ(greeting.teaser, session::GreetingSettings{}.teaser);
  const auto& policy = loaded.settings.runtime.rules.policies.find("default")->policy;
  EXPECT_EQ(policy.posture(), filters::Policy().posture());
  EXPECT_EQ(policy.thresholds(), filters::Policy().thresholds());
  for (const filters::Test* test : filters::all_tests()) {
    const filters::Finding finding = filters::failed(*test, "");
    EXPECT_EQ(policy.weight(finding), filters::Policy().weight(finding)) << test->name;
  }
  const auto& log = loaded.settings.fixed.log;
  EXPECT_EQ(log.syslog, session::LogSettings{}.syslog);
  EXPECT_EQ(log.file, session::LogSettings{}.file);
  EXPECT_EQ(log.file_format, session::LogSettings{}.file_format);
  EXPECT_EQ(log.events, session::LogSettings{}.events);
  EXPECT_EQ(loaded.settings.fixed.control.socket, control::ControlSettings{}.socket);
}

TEST(Examples, LoadWithoutErrorsAndWarnings) {
  for (const auto* name :
       {"postfix-proxy-v2.toml", "postfix-xclient.toml", "opensmtpd.toml", "exim.toml"}) {
    const auto loaded = load_settings(kConf + "examples/" + name);
    EXPECT_THAT(loaded.errors, IsEmpty()) << name;
    EXPECT_THAT(loaded.settings.warnings, IsEmpty()) << name;
  }
}

// mdoc: ".Ss [backend]" opens a section, ".It Ic identity" describes a key of it.
TEST(Manual, DescribesExactlyTheKeysThatTheReaderKnows) {
  std::istringstream manual(content_of(kConf + "man/smtpguard.toml.5"));
  const std::regex header(R"(\.Ss \[+([a-z.A-Z]+)\]+)");
  const std::regex item(R"(\.It Ic ([a-z_.0-9]+).*)");
  std::set<std::string> described;
  std::string section;
  for (std::string line; std::getline(manual, line);) {
    std::smatch match;
    if (std::regex_match(line, match, header)) {
      section = std::regex_replace(match[1].str(), std::regex("NAME"), "default") + '.';
    } else if (std::regex_match(line, match, item)) {
      described.insert(section + match[1].str());
    }
  }
  const auto known = load_settings(kConf + "smtpguard.toml").known_keys;
  EXPECT_THAT(described, testing::UnorderedElementsAreArray(known));
}

TEST(Manual, DescribesEverySignal) {
  const std::string manual = content_of(kConf + "man/smtpguard.8");
  for (const char* const name : {"SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1", "SIGUSR2"}) {
    EXPECT_THAT(manual, testing::HasSubstr(std::string(".It Dv ") + name)) << name;
  }
}

}  // namespace
}  // namespace smtpguard::service
