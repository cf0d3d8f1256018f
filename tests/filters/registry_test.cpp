// Whoever adds a filter and forgets a part of it hears of it here: code, tests, README, sample, man
// page.
#include "filters/registry.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include "conf/document.hpp"
#include "conf/reader.hpp"

namespace smtpguard::filters {
namespace {

using testing::HasSubstr;

std::string content_of(const std::string& path) {
  std::ifstream in(std::string(SMTPGUARD_SOURCE_DIR) + '/' + path);
  EXPECT_TRUE(in) << path << " is missing";
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

// "## NAME" up to the next one; empty: there is none.
std::string section_of(const std::string& readme, std::string_view name) {
  const auto begin = readme.find("\n## " + std::string(name) + "\n");
  if (begin == std::string::npos) {
    return {};
  }
  return readme.substr(begin, readme.find("\n## ", begin + 1) - begin);
}

// The tables of the configuration that it reads.
std::set<std::string> sections_read_by(const FilterKind& kind) {
  const auto document = conf::Document::parse("", "t").value();
  conf::Reading reading(document);
  conf::Reader root = reading.root();
  kind.make(root, Site{});
  std::set<std::string> sections;
  for (const std::string& key : reading.known_keys()) {
    sections.insert(key.substr(0, key.find('.')));
  }
  return sections;
}

TEST(Registry, EachFilterHasItsFileItsTestsAndTheirNamesInCMake) {
  const std::string sources = content_of("filters/CMakeLists.txt");
  const std::string tests = content_of("tests/filters/CMakeLists.txt");
  for (const FilterKind* kind : all_filters()) {
    const std::string name(kind->name);
    EXPECT_FALSE(content_of("filters/" + name + ".cpp").empty());
    EXPECT_FALSE(content_of("tests/filters/" + name + "_test.cpp").empty());
    EXPECT_THAT(sources, HasSubstr(" " + name + ".cpp"));
    EXPECT_THAT(tests, HasSubstr(" " + name + "_test.cpp"));
  }
}

TEST(Registry, EachFilterHasItsSectionInTheReadme) {
  const std::string readme = content_of("filters/README.md");
  for (const FilterKind* kind : all_filters()) {
    const std::string section = section_of(readme, kind->name);
    ASSERT_FALSE(section.empty()) << "filters/README.md: no section ## " << kind->name;
    for (const char* part : {"Evidence", "Settings", "| lenient | balanced | strict |",
                             "Known false positives", "should mend", "event=finding"}) {
      EXPECT_THAT(section, HasSubstr(part)) << kind->name;
    }
    for (const auto& test : kind->tests) {
      EXPECT_THAT(section, HasSubstr(test.name)) << kind->name;
    }
  }
}

TEST(Registry, EachTestHasItsKeyInSampleAndManual) {
  const std::string sample = content_of("conf/smtpguard.toml");
  const std::string manual = content_of("conf/man/smtpguard.toml.5");
  for (const auto* test : all_tests()) {
    if (!test->is_fixed) {
      EXPECT_THAT(sample, HasSubstr("\n" + std::string(test->name) + " = "));
      EXPECT_THAT(manual, HasSubstr("\n.It Ic " + std::string(test->name) + "\n"));
    }
  }
}

TEST(Registry, EachFilterWithSettingsHasItsBlockInSampleAndManual) {
  const std::string sample = content_of("conf/smtpguard.toml");
  const std::string manual = content_of("conf/man/smtpguard.toml.5");
  for (const FilterKind* kind : all_filters()) {
    for (const std::string& section : sections_read_by(*kind)) {
      EXPECT_THAT(sample, HasSubstr("[" + section)) << kind->name;
      EXPECT_THAT(manual, HasSubstr("\n.Ss [" + section)) << kind->name;
    }
  }
}

TEST(Registry, TestsHaveNamesOfTheirOwnAndWordsForTheSender) {
  std::set<std::string_view> names;
  for (const auto* test : all_tests()) {
    EXPECT_TRUE(names.insert(test->name).second) << test->name << " is there twice";
    EXPECT_EQ(find_test(test->name), test);
    ASSERT_FALSE(test->says.empty()) << test->name;
    EXPECT_FALSE(test->says.ends_with('.')) << test->name;
    EXPECT_FALSE(test->mend.ends_with('.')) << test->name;
    EXPECT_LE(test->says.size() + test->mend.size(), 300U) << test->name;
    EXPECT_FALSE(test->enhanced.empty()) << test->name;
  }
  EXPECT_EQ(find_test("no.such_test"), nullptr);
}

}  // namespace
}  // namespace smtpguard::filters
