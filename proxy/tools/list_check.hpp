// ListCheck — what every configured DNS list says of one address, side by side.
// Owns: values.   Called by: smtpguardctl dnsbl check and test.   Fails: never; what is not
// answered in time is trouble of that list. All lists are asked at once, as for a client, and for
// their test entries as the daemon does; of a listing its TXT record is fetched, which is hostile
// text.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "conf/base/clock.hpp"
#include "dns/ares_channel_console.hpp"
#include "dns/list_health.hpp"
#include "filters/dns_lists.hpp"

namespace smtpguard::tools {

struct ListCheck {
  enum class Result : std::uint8_t { Listed, NotListed, Trouble, NotAsked };

  filters::DnsList list;
  Result result = Result::Trouble;
  std::int32_t score = 0;          // of a listing
  std::string words;               // codes and meanings, or what is wrong
  std::string remedy;              // what the administrator here can do
  Milliseconds took{0};            // for the answer about the address
  std::string self_test;           // what is wrong; empty: it went well, or was not made
  std::vector<std::string> texts;  // of a listing; raw

  bool is_trusted_to_count() const { return self_test.empty(); }
};

std::vector<ListCheck> check_lists(const std::vector<filters::DnsList>& lists,
                                   const IpAddress& client, dns::ConsoleResolver& resolver,
                                   Milliseconds budget);

// Which of them the daemon would not heed now.
std::shared_ptr<const dns::ListHealth> test_lists(const std::vector<filters::DnsList>& lists,
                                                  dns::ConsoleResolver& resolver,
                                                  Milliseconds budget);

// What came of the test entries of one list, of one kind.
struct ListSelfTest {
  filters::DnsList list;
  dns::EntryKind kind = dns::EntryKind::Ipv4;
  bool was_made = true;  // false: the list has no test entries
  dns::SelfTest tested;
  Milliseconds took{0};  // the slower of both answers
};
std::vector<ListSelfTest> self_test_lists(const std::vector<filters::DnsList>& lists,
                                          dns::ConsoleResolver& resolver, Milliseconds budget);
std::string in_words(const std::vector<ListSelfTest>& tests);
std::string in_json(const std::vector<ListSelfTest>& tests);

std::string in_words(const IpAddress& client, const std::vector<ListCheck>& checks);
std::string in_json(const IpAddress& client, const std::vector<ListCheck>& checks);

}  // namespace smtpguard::tools
