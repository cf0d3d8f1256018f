#include "proxy/tools/config_show.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "proxy/service/settings.hpp"

namespace smtpguard::tools {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kWithKeys = R"(hostname = "mx.example.org"
[recipients]
domains = ["example.org"]
[[listener]]
address = "0.0.0.0:25"
[backend]
address = "127.0.0.1:10025"
[dnsbl]
zones = ["list.dnswl.org", "abcdefghijklmnopqrstuvwxyz.zen.dq.spamhaus.net"]
[[dnsbl.list]]
zone = "zyxwvutsrqponmlkjihgfedcba.dbl.dq.spamhaus.net"
)";

std::vector<conf::InForce> in_force(std::string_view toml) {
  const auto loaded = service::parse_settings(toml, "s.toml");
  EXPECT_THAT(loaded.errors, testing::IsEmpty());
  return loaded.in_force;
}

TEST(ConfigShow, ShowsNoKeyOfAList) {
  const auto values = in_force(kWithKeys);
  ShowOptions options;
  options.with_origin = true;
  options.file = "s.toml";
  for (const bool only_non_default : {false, true}) {
    options.only_non_default = only_non_default;
    for (const std::string& shown :
         {show_in_toml(values, options), show_in_json(values, options)}) {
      EXPECT_THAT(shown, Not(HasSubstr("abcdefghijklm")));
      EXPECT_THAT(shown, Not(HasSubstr("zyxwvutsrq")));
      EXPECT_THAT(shown, HasSubstr("(key).zen.dq.spamhaus.net"));
      EXPECT_THAT(shown, HasSubstr("(key).dbl.dq.spamhaus.net"));
      EXPECT_THAT(shown, HasSubstr("list.dnswl.org"));
    }
  }
}

TEST(ConfigShow, TellsWhereAValueStands) {
  ShowOptions options;
  options.with_origin = true;
  options.file = "s.toml";
  options.only_non_default = true;
  const std::string shown = show_in_toml(in_force(kWithKeys), options);
  EXPECT_THAT(shown, HasSubstr("# s.toml:9"));
  EXPECT_THAT(shown, Not(HasSubstr("# default")));
  options.only_non_default = false;
  EXPECT_THAT(show_in_toml(in_force(kWithKeys), options), HasSubstr("# default"));
}

TEST(ConfigShow, IsAConfigurationThatMeansTheSame) {
  std::string plain(kWithKeys);
  plain.erase(plain.find("[dnsbl]"));
  const std::string shown = show_in_toml(in_force(plain), {});
  EXPECT_EQ(show_in_toml(in_force(shown), {}), shown);
}

}  // namespace
}  // namespace smtpguard::tools
