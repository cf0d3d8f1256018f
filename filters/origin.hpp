// Origin — the autonomous system from which a client's address is announced, and who says so: a
// file in MaxMind's format, or Team Cymru by the DNS.
// Owns: the file.   Called by: access, rule, the session log, smtpguardctl test.
// Fails: trouble of the DNS leaves the origin unknown, which is no evidence.
// The DNS is asked for the /24 or /48 of a client, so that the cache knows its neighbours as well;
// shorter announcements do not get around in the Internet.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dns/question.hpp"
#include "filters/maxmind_file.hpp"

namespace smtpguard::conf {
class Reader;
}

namespace smtpguard::filters {

struct SessionFacts;

// [asn]
struct OriginSources {
  std::optional<MaxMindFile> file;
  bool asks_cymru = false;
};

struct Origin {
  enum class State : std::uint8_t {
    Open,     // an answer is missing
    Unknown,  // nobody can say, or nobody is asked
    Known,    // `numbers`; or, without any, that it is announced by nobody who is known
  };
  State state = State::Unknown;
  std::vector<std::uint32_t> numbers;  // a network may have several
  std::string name;                    // raw; may be empty

  bool operator==(const Origin&) const = default;
};

// Null: neither is configured.
std::shared_ptr<const OriginSources> read_origin_sources(conf::Reader section);

// By the file alone.
Origin origin_of(const OriginSources* sources, const IpAddress& client);
// And by the DNS, as far as it has answered.
void want_origin(const OriginSources* sources, const SessionFacts& facts,
                 std::vector<dns::Question>& questions);
Origin origin_of(const OriginSources* sources, const SessionFacts& facts);

// What Team Cymru answers: "64500 64501 | 192.0.2.0/24 | US | arin | 1998-09-25". Of several
// networks that hold the client the most specific one counts.
Origin read_cymru(const std::vector<std::string>& texts, const IpAddress& client);

// "64500,64501"; empty: not known.
std::string to_string(const Origin& origin);
// "64500" or "AS64500"; 1 to 4294967295
std::optional<std::uint32_t> parse_asn(std::string_view text);

}  // namespace smtpguard::filters
