#include "conf/list_line.hpp"

#include <gtest/gtest.h>

#include <string>

namespace smtpguard::conf {
namespace {

struct Row {
  const char* line;
  const char* entry;
  std::size_t column = 1;
};

TEST(ListLine, ReadsEachUsualForm) {
  for (const Row& row : {
           Row{"192.0.2.0/24", "192.0.2.0/24"},
           Row{"  192.0.2.0/24 label  # why", "192.0.2.0/24 label", 3},
           Row{"\t# a comment", "", 2},
           Row{"; Spamhaus DROP List 2026/11/28", ""},
           Row{"1.10.16.0/20 ; SBL256894\r", "1.10.16.0/20 SBL256894"},
           Row{"1.10.16.0/20\t;\tSBL256894", "1.10.16.0/20 SBL256894"},
           Row{"1.10.16.0/20 ; a comment of words", "1.10.16.0/20"},
           Row{"1.10.16.0/20 ;", "1.10.16.0/20"},
           Row{R"({"cidr":"1.10.16.0/20","sblid":"SBL256894","rir":"apnic"})",
               "1.10.16.0/20 SBL256894"},
           Row{R"( { "rir" : "apnic", "cidr" : "2001:db8::/32" } )", "2001:db8::/32", 2},
           Row{R"({"asn":204007,"rir":"ripencc","asname":"NAME, #1 \"x\" cidr"})", "asn:204007"},
           Row{R"( {"cidr":"  192.0.2.0/24 ","sblid":" SBL1 "})", "192.0.2.0/24 SBL1", 2},
           Row{R"({"type":"metadata","timestamp":1700000000,"size":86})", ""},
           Row{R"({"something":"else"})", R"({"something":"else"})"},
           Row{"{\"cidr", "{\"cidr"},
           Row{"helo:a;b", "helo:a;b"},
           Row{R"(from:"a ; b"@example.org)", R"(from:"a ; b"@example.org)"},
           Row{"", ""},
           Row{"\r", ""},
       }) {
    EXPECT_EQ(read_list_line(row.line).entry, row.entry) << row.line;
    EXPECT_EQ(read_list_line(row.line).column, row.column) << row.line;
  }
}

}  // namespace
}  // namespace smtpguard::conf
