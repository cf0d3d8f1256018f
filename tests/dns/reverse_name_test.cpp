#include "dns/reverse_name.hpp"

#include <gtest/gtest.h>

#include "dns/resolv_conf.hpp"
#include "tests/support/dns_printers.hpp"

namespace smtpguard::dns {
namespace {

IpAddress ip(std::string_view text) {
  return IpAddress::parse(text).value();
}

Answer names(std::vector<std::string> list) {
  Answer answer = without_records(Outcome::Found);
  answer.records().names = std::move(list);
  return answer;
}

Answer addresses(std::initializer_list<const char*> list) {
  Answer answer = without_records(Outcome::Found);
  for (const char* text : list) {
    answer.records().addresses.push_back(ip(text));
  }
  return answer;
}

const IpAddress kClient = ip("192.0.2.9");

TEST(ReverseName, ReversesOctetsAndNibbles) {
  EXPECT_EQ(reverse_name(kClient), "9.2.0.192.in-addr.arpa");
  EXPECT_EQ(reverse_name(ip("2001:db8::567:89ab")),
            "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa");
  EXPECT_EQ(list_name(kClient, "zen.example.org"), "9.2.0.192.zen.example.org");
}

TEST(ForwardQuestions, AskForTheClientsFamilyWithoutDoublesAndAtMostFive) {
  const Answer ptr = names(
      {"a.example", "A.example", "b.example", "c.example", "d.example", "e.example", "f.example"});
  const std::vector<Question> expected{{"a.example", RecordType::A},
                                       {"b.example", RecordType::A},
                                       {"c.example", RecordType::A},
                                       {"d.example", RecordType::A},
                                       {"e.example", RecordType::A}};
  EXPECT_EQ(forward_questions(kClient, ptr), expected);
  EXPECT_EQ(forward_questions(ip("2001:db8::1"), names({"a.example"})),
            (std::vector<Question>{{"a.example", RecordType::AAAA}}));
  EXPECT_TRUE(forward_questions(kClient, without_records(Outcome::Timeout)).empty());
}

TEST(Confirm, TellsWhatCameOfIt) {
  const Answer two = names({"a.example", "b.example"});
  const Answer good = addresses({"192.0.2.8", "192.0.2.9"});
  const Answer other = addresses({"192.0.2.8"});
  const Answer gone = without_records(Outcome::NoSuchName);
  const Answer failed = without_records(Outcome::ServerFailure);
  Answer odd = names({});
  odd.records().unusable = 1;
  struct Case {
    Answer ptr;
    std::vector<Answer> forwards;
    ReverseIdentity expected;
  };
  for (const Case& one : {
           Case{two, {other, good}, {Confirmation::Confirmed, "b.example"}},
           Case{two, {failed, good}, {Confirmation::Confirmed, "b.example"}},
           Case{two, {good}, {Confirmation::Confirmed, "a.example"}},
           Case{two, {other, gone}, {Confirmation::Unconfirmed, "a.example"}},
           Case{two, {other, failed}, {Confirmation::TempError, "a.example"}},
           Case{two, {other}, {Confirmation::TempError, "a.example"}},
           Case{odd, {}, {Confirmation::Unconfirmed, ""}},
           Case{gone, {}, {Confirmation::None, ""}},
           Case{without_records(Outcome::NoData), {}, {Confirmation::None, ""}},
           Case{failed, {}, {Confirmation::TempError, ""}},
           Case{without_records(Outcome::Refused), {}, {Confirmation::TempError, ""}},
           Case{without_records(Outcome::Malformed), {}, {Confirmation::TempError, ""}},
           Case{without_records(Outcome::NotAsked), {}, {Confirmation::TempError, ""}},
       }) {
    EXPECT_EQ(confirm(kClient, one.ptr, one.forwards), one.expected);
  }
}

TEST(ResolvConf, TakesTheFirstThreeServersAndNothingElse) {
  const auto servers = parse_resolv_conf(
      "# nameserver 192.0.2.1\nsearch example.net\nnameserver 192.0.2.2\r\n"
      "nameserver\t2001:db8::53 # comment\nnameserver fe80::1%eth0\nnameserver\nnameservers "
      "1.2.3.4\n"
      "options rotate timeout:30\nnameserver 192.0.2.3\nnameserver 192.0.2.4");
  EXPECT_EQ(servers, (std::vector<Endpoint>{
                         {ip("192.0.2.2"), 53}, {ip("2001:db8::53"), 53}, {ip("192.0.2.3"), 53}}));
}

TEST(ResolvConf, FallsBackToThisMachine) {
  const std::vector<Endpoint> here{{ip("127.0.0.1"), 53}};
  EXPECT_EQ(parse_resolv_conf(""), here);
  EXPECT_EQ(read_resolv_conf("/nonexistent/resolv.conf"), here);
}

}  // namespace
}  // namespace smtpguard::dns
