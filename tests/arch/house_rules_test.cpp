// Each house rule on samples: a rule that cannot fail guards nothing.
#include "tests/arch/house_rules.hpp"

#include <gtest/gtest.h>

namespace smtpguard::arch {
namespace {

SourceText including(const std::string& path, const std::string& include) {
  return {path, "#include " + include + "\n"};
}

TEST(HouseRules, RoomOrderRefusesWhatPointsUpward) {
  struct Case {
    const char* path;
    const char* include;
  };
  for (const Case& c : {
           Case{"conf/base/text.hpp", "\"conf/reader.hpp\""},
           Case{"conf/reader.cpp", "\"dns/resolver.hpp\""},
           Case{"dns/resolver.cpp", "\"filters/policy.hpp\""},
           Case{"filters/policy.cpp", "\"proxy/smtp/reply.hpp\""},
           Case{"proxy/smtp/reply.cpp", "\"proxy/net/tcp.hpp\""},
           Case{"proxy/smtp/reply.cpp", "\"filters/policy.hpp\""},
           Case{"proxy/net/tcp.cpp", "\"proxy/smtp/reply.hpp\""},
           Case{"proxy/session/session.cpp", "\"proxy/service/app.hpp\""},
           Case{"proxy/control/server.cpp", "\"proxy/service/app.hpp\""},
           Case{"proxy/service/app.cpp", "\"proxy/tools/tryout_backend.hpp\""},
           Case{"proxy/service/app.cpp", "\"tests/support/fake.hpp\""},
           Case{"proxy/service/app.cpp", "\"settings.hpp\""},
       }) {
    EXPECT_EQ(check_room_order(including(c.path, c.include)).size(), 1U)
        << c.path << " includes " << c.include;
  }
}

TEST(HouseRules, RoomOrderTakesWhatPointsDownward) {
  struct Case {
    const char* path;
    const char* include;
  };
  for (const Case& c : {
           Case{"conf/reader.cpp", "\"conf/base/text.hpp\""},
           Case{"filters/policy.cpp", "\"filters/access.hpp\""},
           Case{"proxy/session/session.cpp", "\"proxy/smtp/reply.hpp\""},
           Case{"proxy/main.cpp", "\"proxy/service/app.hpp\""},
           Case{"tests/proxy/reply_test.cpp", "\"proxy/smtp/reply.hpp\""},
           Case{"conf/reader.cpp", "<string>"},
       }) {
    EXPECT_EQ(check_room_order(including(c.path, c.include)), Breaches{})
        << c.path << " includes " << c.include;
  }
}

TEST(HouseRules, LibrariesAreRefusedOutsideTheirRooms) {
  struct Case {
    const char* path;
    const char* include;
    std::size_t breaches;
  };
  for (const Case& c : {
           Case{"proxy/service/settings.cpp", "<toml++/toml.h>", 1},
           Case{"conf/document.cpp", "<toml++/toml.h>", 0},
           Case{"proxy/net/tcp.cpp", "<ares.h>", 1},
           Case{"dns/ares_channel.cpp", "<ares.h>", 0},
           Case{"dns/ares_channel.cpp", "<ares_dns.h>", 0},
           Case{"filters/policy.cpp", "<sqlite3.h>", 1},
           Case{"filters/memory/store.cpp", "<sqlite3.h>", 0},
           Case{"proxy/net/tcp.cpp", "<openssl/ssl.h>", 1},
           Case{"proxy/net/tls_channel.cpp", "<openssl/ssl.h>", 0},
           Case{"proxy/smtp/reply.cpp", "<boost/asio/buffer.hpp>", 1},
           Case{"dns/resolver.cpp", "<boost/asio/buffer.hpp>", 1},
           Case{"dns/ares_channel.cpp", "<boost/asio/buffer.hpp>", 0},
           Case{"proxy/net/tcp.cpp", "<boost/asio.hpp>", 1},
           Case{"proxy/smtp/reply.cpp", "<sys/socket.h>", 1},
           Case{"filters/policy.cpp", "<sys/socket.h>", 1},
           Case{"conf/base/text.cpp", "<format>", 1},
           Case{"conf/base/text.cpp", "<fmt/format.h>", 0},
           Case{"tests/support/fake.cpp", "<boost/asio.hpp>", 0},
       }) {
    EXPECT_EQ(check_library_rooms(including(c.path, c.include)).size(), c.breaches)
        << c.path << " includes " << c.include;
  }
}

TEST(HouseRules, IncludeCirclesAreFound) {
  const std::vector<SourceText> circle{including("conf/a.hpp", "\"conf/b.hpp\""),
                                       including("conf/b.hpp", "\"conf/c.hpp\""),
                                       including("conf/c.hpp", "\"conf/a.hpp\"")};
  EXPECT_EQ(check_include_circles(circle),
            Breaches{"conf/a.hpp:1: includes itself: conf/a.hpp -> conf/b.hpp -> conf/c.hpp -> "
                     "conf/a.hpp"});
}

TEST(HouseRules, IncludingOneHeaderByTwoWaysIsNoCircle) {
  const std::vector<SourceText> diamond{
      {"conf/a.hpp", "#include \"conf/b.hpp\"\n#include \"conf/c.hpp\"\n"},
      including("conf/b.hpp", "\"conf/d.hpp\""),
      including("conf/c.hpp", "\"conf/d.hpp\""),
      {"conf/d.hpp", ""}};
  EXPECT_EQ(check_include_circles(diamond), Breaches{});
}

SourceText coroutine(const std::string& body) {
  return {"proxy/session/x.cpp", "Task<int> f() {\n  " + body + "\n}\n"};
}

TEST(HouseRules, CoAwaitIsRefusedInsideExpressions) {
  for (const char* body : {
           "if (co_await f()) {}",
           "if (x && co_await f()) {}",
           "while (co_await f()) {}",
           "for (int i = 0; co_await f(); ++i) {}",
           "for (auto x : co_await f()) {}",
           "switch (co_await f()) {}",
           "do { } while (co_await f());",
           "const bool ok = x && co_await f();",
           "const bool ok = co_await f() || x;",
           "const int n = x ? co_await f() : 7;",
           "const int n = co_await f() ? 1 : 2;",
           "co_await (x ? f() : g());",
           "co_await (a() || b());",
           "use(co_await f());",
           "use(1,\n      co_await f());",
           "const auto p = std::pair{co_await f(), co_await g()};",
           "co_await f(co_await g());",
           "co_await f({.a = 1});",
           "co_await f(Thing{1, 2});",
           "co_await f([t] { return t; });",
           "x = 1 + co_await f();",
           "return_value(x), co_await f();",
       }) {
    EXPECT_EQ(check_co_await(coroutine(body)).empty(), false) << body;
  }
}

TEST(HouseRules, CoAwaitIsTakenAlone) {
  for (const char* body : {
           "co_await f();",
           "co_await f(a, (b), g(c));",
           "co_await f(x ? a : b);",
           "(void)co_await f();",
           "const auto x = co_await f();",
           "const auto [ec, n] = co_await f(std::move(y));",
           "auto&& x = co_await f();",
           "const std::vector<int> x =\n      co_await object.f();",
           "x = co_await f();",
           "co_return co_await f();",
           "if (x) {\n    co_await f();\n  }",
           "switch (x) {\n    case Step::Go:\n      co_await f();\n  }",
           "co_await socket.async_wait(how, Token{});",
           "// if (co_await f()) is what must not be",
           "log(\"if (co_await f())\");",
       }) {
    EXPECT_EQ(check_co_await(coroutine(body)), Breaches{}) << body;
  }
}

TEST(HouseRules, CoAwaitBreachNamesItsLine) {
  EXPECT_EQ(
      check_co_await(coroutine("if (co_await f()) {}")),
      Breaches{
          "proxy/session/x.cpp:2: co_await must be a statement or the initialiser of a local"});
}

TEST(HouseRules, LongFilesAreRefused) {
  std::string text;
  for (int i = 0; i < 500; ++i) {
    text += "int x;\n";
  }
  EXPECT_EQ(check_length({"conf/x.cpp", text}), Breaches{});
  EXPECT_EQ(check_length({"conf/x.cpp", text + "int x;\n"}).size(), 1U);
}

TEST(HouseRules, HeadersWithoutProseOrPragmaAreRefused) {
  EXPECT_EQ(check_header_form({"a.hpp", "// X — what it is.\n// Owns: it.\n#pragma once\n"}),
            Breaches{});
  EXPECT_EQ(check_header_form({"a.hpp", "#pragma once\n"}).size(), 1U);
  EXPECT_EQ(check_header_form({"a.hpp", "// X\n#pragma once\n"}).size(), 1U);
  EXPECT_EQ(
      check_header_form({"a.hpp", "// X — what.\n// Owns: it.\n\n#include <string>\n"}).size(), 1U);
  EXPECT_EQ(check_header_form({"a.cpp", "int x;\n"}), Breaches{});
}

TEST(HouseRules, OpenEndsWithoutIssueAreRefused) {
  const std::string mark =
      "TO"
      "DO";
  EXPECT_EQ(check_open_ends({"a.cpp", "// " + mark + ": later\n"}).size(), 1U);
  EXPECT_EQ(check_open_ends({"a.cpp", "// " + mark + "(me): later\n"}).size(), 1U);
  EXPECT_EQ(check_open_ends({"a.py",
                             "# FIX"
                             "ME\n"})
                .size(),
            1U);
  EXPECT_EQ(check_open_ends({"a.cpp", "// " + mark + "(#12): later\n"}), Breaches{});
  EXPECT_EQ(check_open_ends({"a.cpp",
                             "mktemp(\"a.XX"
                             "XXXX\")\n"}),
            Breaches{});
}

}  // namespace
}  // namespace smtpguard::arch
