// Answer — what the DNS said to a Question, or how it failed to say anything.
// Owns: its records, with its copies.   Called by: everybody who asks.   Fails: never.
// The ways to get no record are told apart, because they mean different things: NoSuchName and
// NoData are facts about the name; the others are trouble, never evidence against a client
// (is_trouble). All records come from strangers: names have passed is_usable_host() and are in
// lower case, texts are cut but raw, so that only the escaper may show them.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "conf/base/ip_address.hpp"

namespace smtpguard::dns {

enum class Outcome : std::uint8_t {
  Found,
  NoSuchName,     // NXDOMAIN
  NoData,         // the name is there, records of this type are not
  ServerFailure,  // SERVFAIL, NOTIMP, FORMERR and the like
  Refused,        // REFUSED: a resolver or a list that does not talk to us
  Timeout,        // nobody answered in time, or nobody could be reached
  Malformed,      // an answer that breaks the rules of the format
  NotAsked,       // never left the house: too many questions in flight, or no possible name
};

struct MailExchanger {
  std::uint16_t preference = 0;
  std::string host;  // empty: "no mail here" (null MX, RFC 7505)

  bool operator==(const MailExchanger&) const = default;
};

// What was found: records of the type that was asked for; the other three lists are empty.
struct Records {
  std::vector<IpAddress> addresses;
  std::vector<std::string> names;  // PTR
  std::vector<MailExchanger> exchangers;
  std::vector<std::string> texts;
  // Records that were there but whose host name nobody should use. Found may mean only such ones.
  std::size_t unusable = 0;

  bool operator==(const Records&) const = default;
};

// Small, and cheap to copy: the cache and all sessions that asked the same share the records, and
// most answers have none.
class Answer {
 public:
  Outcome outcome = Outcome::NotAsked;
  // How long this may be believed; 0 where nothing was said.
  std::chrono::seconds ttl{0};

  const std::vector<IpAddress>& addresses() const { return found().addresses; }
  const std::vector<std::string>& names() const { return found().names; }
  const std::vector<MailExchanger>& exchangers() const { return found().exchangers; }
  const std::vector<std::string>& texts() const { return found().texts; }
  std::size_t unusable() const { return found().unusable; }

  // To be filled in; copies of this answer keep theirs.
  Records& records();

  bool operator==(const Answer& other) const {
    return outcome == other.outcome && ttl == other.ttl && found() == other.found();
  }

 private:
  const Records& found() const;

  std::shared_ptr<Records> records_;  // with copies of this answer; null: there are none
};

Answer without_records(Outcome outcome, std::chrono::seconds ttl = std::chrono::seconds(0));

// No evidence of anything: our server, theirs, or the way between.
constexpr bool is_trouble(Outcome outcome) {
  return outcome != Outcome::Found && outcome != Outcome::NoSuchName && outcome != Outcome::NoData;
}

// A host name with at least one dot that is not an IPv4 address: what a PTR or MX may point to.
bool is_usable_host(std::string_view name);

// In words of a log: "found", "no_such_name", ...
std::string_view to_string(Outcome outcome);
// "found ttl=300 192.0.2.1 192.0.2.2", safe for a log.
std::string to_string(const Answer& answer);

}  // namespace smtpguard::dns
