#include "proxy/tools/policy_page.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "filters/registry.hpp"

namespace smtpguard::tools {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kMinimum = R"(hostname = "mx.example.org"
[recipients]
domains = ["example.org"]
[[listener]]
address = "0.0.0.0:25"
[backend]
address = "127.0.0.1:10025"
)";

std::string page(const std::string& more, PageForm form = PageForm::Markdown,
                 const std::string& domain = "example.org") {
  const auto loaded = service::parse_settings(std::string(kMinimum) + more, "s.toml");
  EXPECT_THAT(loaded.errors, testing::IsEmpty());
  const session::RuntimeConfig& config = loaded.settings.runtime;
  return policy_page(config, *config.rules.policies.find("default"), domain, form);
}

std::string posture(const std::string& name, const std::string& more = "") {
  return "[policy.default]\nposture = \"" + name + "\"\n" + more;
}

// "## Heading" up to the next one; empty: there is none.
std::string part(const std::string& text, const std::string& heading) {
  const auto begin = text.find("\n## " + heading + "\n");
  return begin == std::string::npos ? std::string()
                                    : text.substr(begin, text.find("\n## ", begin + 1) - begin);
}

TEST(PolicyPage, BecomesHarderWithThePosture) {
  const std::string none = "Your address has no reverse name";
  const std::string lenient = page(posture("lenient"));
  EXPECT_THAT(part(lenient, "What is refused"), Not(HasSubstr(none)));
  EXPECT_THAT(part(lenient, "What counts against you"), Not(HasSubstr(none)));
  EXPECT_THAT(part(lenient, "What we only note"), HasSubstr(none));
  EXPECT_THAT(lenient, HasSubstr("We let most mail through."));
  const std::string balanced = page(posture("balanced"));
  EXPECT_THAT(part(balanced, "What counts against you"), HasSubstr("Four points: " + none));
  EXPECT_THAT(part(balanced, "What counts against you"), HasSubstr("With six points we ask"));
  const std::string strict = page(posture("strict"));
  EXPECT_THAT(part(strict, "What counts against you"), HasSubstr("Three points: " + none));
  EXPECT_THAT(part(strict, "What is refused"), HasSubstr("before our greeting was over"));
}

// Whatever a policy does about a test stands in the page once, in its place.
TEST(PolicyPage, TellsEachTestThatHasConsequences) {
  for (const char* name : {"observe", "lenient", "balanced", "strict"}) {
    const auto loaded = service::parse_settings(std::string(kMinimum) + posture(name), "s.toml");
    const auto& policy = loaded.settings.runtime.rules.policies.find("default")->policy;
    const std::string text = page(posture(name));
    for (const filters::Test* test : filters::all_tests()) {
      filters::Finding finding;
      finding.test = test;
      const filters::Mode mode = policy.weight(finding).mode;
      const bool is_told = !test->is_family && !test->is_fixed &&
                           test->name != "protocol.non_smtp" && !test->name.starts_with("access.");
      if (!is_told || (mode != filters::Mode::Require && mode != filters::Mode::Score)) {
        continue;
      }
      // Told together, those that begin alike lose their beginning.
      std::string_view words = test->says;
      const auto with = words.find(" with ");
      words = words.substr(with == std::string_view::npos ? 1 : with);
      EXPECT_THAT(text, HasSubstr(std::string(words))) << name << ' ' << test->name;
    }
  }
}

TEST(PolicyPage, SaysWhatTheConfigurationSays) {
  const std::string text =
      page("[limits]\nmessage_size = \"20MB\"\nrecipients = 77\nconnections_per_address = 9\n" +
           posture("strict",
                   "contact = \"ask <hostmaster@example.org>\"\nsoft = true\n"
                   "[policy.default.tests]\nrdns.none = \"require\"\nhelo.literal = \"off\"\n"
                   "[policy.default.thresholds]\ndefer = 3\nreject = 40\n"));
  EXPECT_THAT(text, HasSubstr("messages of 20 MB at most, 77 recipients in one message, 9 conn"));
  EXPECT_THAT(text, HasSubstr("Ask \\<hostmaster@example.org\\>."));
  EXPECT_THAT(part(text, "What is refused"), HasSubstr("temporary refusal (4xx)"));
  EXPECT_THAT(part(text, "What is refused"), HasSubstr("Your address has no reverse name"));
  EXPECT_THAT(text, Not(HasSubstr("an address literal instead of a name")));
  EXPECT_THAT(text, HasSubstr("With three points we ask"));
  EXPECT_THAT(text, HasSubstr("With 40 points the message is refused for now (450)."));
}

TEST(PolicyPage, TellsTheListsWithoutTheirKeys) {
  const std::string lists =
      "[dnsbl]\nzones = [\"abcdefghijklmnopqrstuvwxyz.zen.dq.spamhaus.net\", \"list.dnswl.org\"]\n"
      "[[dnsbl.list]]\nzone = \"bl.example.org\"\nmode = \"require\"\n"
      "help = \"https://bl.example.org/?ip=%s\"\n";
  for (const PageForm form : {PageForm::Markdown, PageForm::Html}) {
    const std::string text = page(lists, form);
    EXPECT_THAT(text, Not(HasSubstr("abcdefghijklm")));
    EXPECT_THAT(text,
                HasSubstr("(key).zen.dq.spamhaus.net: if your address is on it, up to eight"));
    EXPECT_THAT(text, HasSubstr("up to eight points are taken off."));
    EXPECT_THAT(text, HasSubstr("bl.example.org: if your address is on it, your mail is refused. "
                                "See https://bl.example.org/?ip="));
  }
  EXPECT_EQ(part(page(""), "The lists that we ask"), "");
  EXPECT_EQ(part(page(lists + posture("strict", "[policy.default.tests]\ndnsbl = \"off\"\n")),
                 "The lists that we ask"),
            "");
}

TEST(PolicyPage, EscapesWhatItIsGiven) {
  const std::string html = page(posture("strict", "contact = \"<b>&\"\n"), PageForm::Html, "a<b>");
  EXPECT_THAT(html, HasSubstr("<title>Sending mail to a&lt;b&gt;</title>"));
  EXPECT_THAT(html, HasSubstr("&lt;b&gt;&amp;"));
  EXPECT_THAT(html, Not(HasSubstr("<b>")));
  EXPECT_TRUE(html.ends_with("</body>\n</html>\n"));
  const auto count = [&html](const std::string& tag) {
    std::size_t found = 0;
    for (auto at = html.find(tag); at != std::string::npos; at = html.find(tag, at + 1)) {
      ++found;
    }
    return found;
  };
  for (const char* tag : {"p", "ul", "li", "h1", "h2", "body", "html", "head"}) {
    const std::string name(tag);
    EXPECT_EQ(count('<' + name + '>') + count('<' + name + ' '), count("</" + name + '>')) << tag;
  }
  EXPECT_THAT(page("", PageForm::Markdown, "a_b*c"), HasSubstr("a\\_b\\*c"));
}

}  // namespace
}  // namespace smtpguard::tools
