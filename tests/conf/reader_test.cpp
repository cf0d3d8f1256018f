#include "conf/reader.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>

#include "conf/nearest_name.hpp"

namespace smtpguard::conf {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

enum class Color { Red, Green };
constexpr std::array<Word<Color>, 2> kColors{{{"red", Color::Red}, {"green", Color::Green}}};

// Reads `text` by `read` and returns the errors, those of unknown keys among them.
std::vector<std::string> errors_of(const std::string& text,
                                   const std::function<void(Reader&)>& read) {
  const auto document = Document::parse(text, "t.toml");
  if (!document) {
    return {"syntax: " + document.error().text};
  }
  Reading reading(*document);
  Reader root = reading.root();
  read(root);
  reading.finish();
  return reading.report().errors();
}

struct AllTypes {
  std::string text = "kept";
  bool truth = true;
  std::uint16_t count = 7;
  Milliseconds time = 7s;
  ByteCount size{7};
  Color color = Color::Red;
  Endpoint server;
  std::string host = "kept.example";

  void read(Reader& reader) {
    reader.string("text", text);
    reader.boolean("truth", truth);
    reader.integer("count", count, Range<std::uint16_t>{1, 1000});
    reader.duration("time", time, {1s, 60s});
    reader.byte_count("size", size, {ByteCount{1}, ByteCount{64'000}});
    reader.word("color", color, kColors);
    reader.endpoint("server", server);
    reader.host_name("host", host);
  }
};

TEST(Reader, ReadsEachType) {
  AllTypes all;
  const std::string text = R"(text = "a"
truth = false
count = 1000
time = "500ms"
size = "64KB"
color = "green"
server = "[::1]:25"
host = "mx.example.org")";
  AllTypes second;
  EXPECT_THAT(errors_of(text, [&](Reader& root) { second.read(root); }),
              ElementsAre(testing::HasSubstr("t.toml:4:8: time: found \"500ms\"")));
  const std::string good =
      text.substr(0, text.find("500ms")) + "5s" + text.substr(text.find("500ms") + 5);
  EXPECT_THAT(errors_of(good, [&](Reader& root) { all.read(root); }), IsEmpty());
  EXPECT_EQ(all.text, "a");
  EXPECT_FALSE(all.truth);
  EXPECT_EQ(all.count, 1000);
  EXPECT_EQ(all.time, 5s);
  EXPECT_EQ(all.size, ByteCount{64'000});
  EXPECT_EQ(all.color, Color::Green);
  EXPECT_EQ(all.server, Endpoint::parse("[::1]:25"));
  EXPECT_EQ(all.host, "mx.example.org");
}

TEST(Reader, KeepsDefaultsForAbsentAndBadValues) {
  AllTypes all;
  EXPECT_THAT(errors_of("", [&](Reader& root) { all.read(root); }), IsEmpty());
  errors_of("text=1\ntruth=1\ncount=0\ntime=5\nsize=0\ncolor=\"blue\"\nserver=\"x\"\nhost=\"x\"",
            [&](Reader& root) { all.read(root); });
  EXPECT_EQ(all.text, "kept");
  EXPECT_TRUE(all.truth);
  EXPECT_EQ(all.count, 7);
  EXPECT_EQ(all.time, 7s);
  EXPECT_EQ(all.size, ByteCount{7});
  EXPECT_EQ(all.color, Color::Red);
  EXPECT_EQ(all.server, Endpoint{});
  EXPECT_EQ(all.host, "kept.example");
}

TEST(Reader, TellsWhatWasFoundAndWhatIsAllowed) {
  constexpr std::string_view kTimeForm =
      R"(; allowed: a time such as "500ms", "6s", "5m", "2h", from 1s to 1m)";
  constexpr std::string_view kSizeForm =
      R"(; allowed: a size such as "50MB", "64KiB" or 512, from 1 to 64KB)";
  constexpr std::string_view kServerForm =
      R"(; allowed: an address and a port such as "192.0.2.1:25" or "[2001:db8::1]:25")";
  constexpr std::string_view kHostForm =
      R"(; allowed: a qualified host name such as "mx.example.org")";
  const auto with = [](std::string_view found, std::string_view form) {
    return std::string(found) + std::string(form);
  };
  const std::pair<std::string_view, std::string> cases[] = {
      {"text = 42", "1:8: text: found 42 (integer); allowed: text in quotes"},
      {"text = 1.5", "1:8: text: found 1.5 (float); allowed: text in quotes"},
      {"text = 2026-11-23", "1:8: text: found 2026-11-23 (date or time); allowed: text in quotes"},
      {"text = [1, 2]", "1:8: text: found a list of 2; allowed: text in quotes"},
      {"text = {}", "1:8: text: found a table; allowed: text in quotes"},
      {"truth = \"yes\"", "1:9: truth: found \"yes\"; allowed: true, false (without quotes)"},
      {"count = 0", "1:9: count: found 0 (integer); allowed: a whole number of 1 to 1000"},
      {"count = -1", "1:9: count: found -1 (integer); allowed: a whole number of 1 to 1000"},
      {"count = 1001", "1:9: count: found 1001 (integer); allowed: a whole number of 1 to 1000"},
      {"count = 2.0", "1:9: count: found 2 (float); allowed: a whole number of 1 to 1000"},
      {"count = true", "1:9: count: found true (boolean); allowed: a whole number of 1 to 1000"},
      {"time = 6", with("1:8: time: found 6 (integer)", kTimeForm)},
      {"time = \"6\"", with("1:8: time: found \"6\"", kTimeForm)},
      {"time = \"61s\"", with("1:8: time: found \"61s\"", kTimeForm)},
      {"time = \"999ms\"", with("1:8: time: found \"999ms\"", kTimeForm)},
      {"size = \"1 MB\"", with("1:8: size: found \"1 MB\"", kSizeForm)},
      {"size = \"65KB\"", with("1:8: size: found \"65KB\"", kSizeForm)},
      {"size = -5", with("1:8: size: found -5 (integer)", kSizeForm)},
      {"color = \"gren\"",
       "1:9: color: found \"gren\"; allowed: red, green; did you mean \"green\"?"},
      {"color = \"purple\"", "1:9: color: found \"purple\"; allowed: red, green"},
      {"color = \"RED\"", "1:9: color: found \"RED\"; allowed: red, green; did you mean \"red\"?"},
      {"color = false", "1:9: color: found false (boolean); allowed: red, green"},
      {"server = \"localhost:25\"", with("1:10: server: found \"localhost:25\"", kServerForm)},
      {"server = \"192.0.2.1\"", with("1:10: server: found \"192.0.2.1\"", kServerForm)},
      {"server = \"192.0.2.1:0\"", with("1:10: server: found \"192.0.2.1:0\"", kServerForm)},
      {"server = 25", with("1:10: server: found 25 (integer)", kServerForm)},
      {"host = \"mx\"", with("1:8: host: found \"mx\"", kHostForm)},
      {"host = \"192.0.2.1\"", with("1:8: host: found \"192.0.2.1\"", kHostForm)},
      {"host = \"a_b.example.org.\"", with("1:8: host: found \"a_b.example.org.\"", kHostForm)},
      {"text = \"\"\"\na\"\"\"\nhost = \"\\u001b[2J\"",
       with("3:8: host: found \"\\x1B[2J\"", kHostForm)},
  };
  for (const auto& [text, error] : cases) {
    EXPECT_THAT(errors_of(std::string(text), [](Reader& root) { AllTypes().read(root); }),
                ElementsAre("t.toml:" + error))
        << text;
  }
}

TEST(Reader, TellsAllErrorsAtOnceInOrderOfTheirLines) {
  EXPECT_THAT(errors_of("colour = \"red\"\nhost = \"x\"\ntruth = 1\n",
                        [](Reader& root) {
                          bool truth = false;
                          root.boolean("truth", truth);
                          std::string host;
                          root.host_name("host", host);
                          Color color{};
                          root.word("color", color, kColors);
                        }),
              ElementsAre("t.toml:1:1: colour: unknown key; allowed: color, host, truth; did you "
                          "mean \"color\"?",
                          "t.toml:2:8: host: found \"x\"; allowed: a qualified host name such as "
                          "\"mx.example.org\"",
                          "t.toml:3:9: truth: found 1 (integer); allowed: true, false (without "
                          "quotes)"));
}

TEST(Reader, TellsUnknownTablesAndKeysUnderTheWrongHeader) {
  const auto read = [](Reader& root) {
    Reader backend = root.section("backend");
    std::string address;
    backend.string("address", address);
    for (auto& policy : root.named_sections("policy")) {
      bool teaser = false;
      policy.boolean("teaser", teaser);
    }
  };
  EXPECT_THAT(errors_of("teaser = true\n[backnd]\naddress = \"x\"\n[policy.x]\ntaeser = true\n"
                        "teaser = true\n",
                        read),
              ElementsAre("t.toml:1:1: teaser: unknown key; allowed: backend, policy; did you "
                          "mean policy.x.teaser?",
                          "t.toml:2:2: backnd: unknown table; allowed: backend, policy; did you "
                          "mean \"backend\"?",
                          "t.toml:5:1: policy.x.taeser: unknown key; allowed: teaser; did you "
                          "mean \"teaser\"?"));
}

TEST(Reader, ShowsHostileKeysEscaped) {
  EXPECT_THAT(errors_of("\"a\\u001b.b\" = 1\n", [](Reader&) {}),
              ElementsAre("t.toml:1:1: \"a\\x1B.b\": unknown key; allowed: "));
}

TEST(Reader, TellsTablesOfTheWrongShapeOnce) {
  const auto read = [](Reader& root) {
    root.section("one");
    root.sections("many");
    root.named_sections("named");
    root.section("named").section("default");
  };
  EXPECT_THAT(errors_of("one = 1\nmany = {}\nnamed = true\n", read),
              ElementsAre("t.toml:1:7: one: found 1 (integer); allowed: a table, written [one]",
                          "t.toml:2:8: many: found a table; allowed: tables, each written [[many]]",
                          "t.toml:3:9: named: found true (boolean); allowed: a table, written "
                          "[named]"));
  EXPECT_THAT(errors_of("many = []\n", read),
              ElementsAre("t.toml:1:8: many: found a list of 0; allowed: tables, each written "
                          "[[many]]"));
}

TEST(Reader, HandsOutListsOfTablesInTheirOrder) {
  std::vector<std::string> seen;
  EXPECT_THAT(errors_of("[[many]]\nname = \"a\"\n[[many]]\n[[many]]\nname = \"c\"\n",
                        [&](Reader& root) {
                          for (auto& section : root.sections("many")) {
                            std::string name = "?";
                            section.string("name", name);
                            section.require("name", "a name");
                            seen.push_back(name);
                          }
                        }),
              ElementsAre("t.toml:3:1: many.name: missing; expected: a name"));
  EXPECT_THAT(seen, ElementsAre("a", "?", "c"));
}

TEST(Reader, ReadsListsAndLeavesOutBadEntries) {
  std::vector<std::string> networks;
  EXPECT_THAT(
      errors_of(
          "n = [\"192.0.2.1\", \"192.0.2.1/24\",\n  3, \"mx\", \"2001:db8::/32\"]\ns = \"x\"\n",
          [&](Reader& root) {
            for (const auto& network : root.networks("n")) {
              networks.push_back(network.value.to_string());
            }
            EXPECT_THAT(root.strings("s"), IsEmpty());
          }),
      ElementsAre("t.toml:1:19: n: found 192.0.2.1/24: bits are set behind the prefix; the network "
                  "is 192.0.2.0/24; allowed: an address or network such as 192.0.2.1, "
                  "192.0.2.0/24, 2001:db8::/32",
                  "t.toml:2:3: n: found 3 (integer); allowed: a list of texts such as [\"a\", "
                  "\"b\"]",
                  "t.toml:2:6: n: found \"mx\"; allowed: an address or network such as 192.0.2.1, "
                  "192.0.2.0/24, 2001:db8::/32",
                  "t.toml:3:5: s: found \"x\"; allowed: a list of texts such as [\"a\", \"b\"]"));
  EXPECT_THAT(networks, ElementsAre("192.0.2.1/32", "2001:db8::/32"));
}

TEST(Reader, BoundsTheNumberOfErrors) {
  std::string text;
  for (int i = 0; i < 5000; ++i) {
    text += "k" + std::to_string(i) + " = 1\n";
  }
  const auto errors = errors_of(text, [](Reader&) {});
  ASSERT_EQ(errors.size(), kReportLimit + 1);
  EXPECT_EQ(errors.back(), "t.toml: and 4900 more errors");
}

class ListFiles : public testing::Test {
 protected:
  ListFiles() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "smtpguard-conf-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
  }
  ~ListFiles() override { std::filesystem::remove_all(folder_); }

  void write(const std::string& name, std::string_view content) const {
    std::ofstream(folder_ / name, std::ios::binary) << content;
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  std::filesystem::path folder_;
};

TEST_F(ListFiles, HoldOneEntryALineWithComments) {
  write("deny", "# bots\n192.0.2.1\n\n  198.51.100.0/24\t# a network\r\n2001:db8::/32");
  const auto document = Document::parse("files = [\"deny\"]", path("t.toml"));
  Reading reading(*document);
  const auto networks = reading.root().file_networks("files");
  EXPECT_THAT(reading.report().errors(), IsEmpty());
  ASSERT_EQ(networks.size(), 3U);
  EXPECT_EQ(networks[1].value.to_string(), "198.51.100.0/24");
  EXPECT_EQ(reading.report().to_string(networks[1].place), path("deny") + ":4:3");
}

TEST_F(ListFiles, TellErrorsWithTheirOwnLine) {
  write("a", "192.0.2.1\nbad\x1b\n");
  const auto document = Document::parse("files = [\"a\", \"none\", 1, \"\"]", path("t.toml"));
  Reading reading(*document);
  EXPECT_EQ(reading.root().file_networks("files").size(), 1U);
  EXPECT_THAT(
      reading.report().errors(),
      ElementsAre(path("t.toml") + ":1:15: files: " + path("none") +
                      ": cannot be read: No such file or directory",
                  path("t.toml") + ":1:23: files: found 1 (integer); allowed: a list of texts "
                                   "such as [\"a\", \"b\"]",
                  path("t.toml") + ":1:26: files: found \"\"; allowed: the path of a file",
                  path("a") + ":2:1: files: found \"bad\\x1B\"; allowed: an address or network "
                              "such as 192.0.2.1, 192.0.2.0/24, 2001:db8::/32"));
}

TEST(NearestName, AllowsAThirdOfTheLettersToDiffer) {
  const std::vector<std::string> names{"address", "identity", "tls", "connect_timeout"};
  EXPECT_EQ(nearest_name("adress", names), "address");
  EXPECT_EQ(nearest_name("Identiy", names), "identity");
  EXPECT_EQ(nearest_name("connection_timeout", names), "connect_timeout");
  EXPECT_EQ(nearest_name("teaser", names), "");
  EXPECT_EQ(nearest_name("", names), "");
  EXPECT_EQ(nearest_name(std::string(100'000, 'a'), names), "");
}

}  // namespace
}  // namespace smtpguard::conf
