// Message — DNS messages as bytes: writes questions, reads answers (RFC 1035 section 4).
// Owns: nothing.   Called by: AresChannel, the fuzz target dns_answer.
// Fails: parse_answer() always returns an Answer; bytes that break the format give Malformed.
// Its own parser, because c-ares has five with five forms of result, none keeps TTLs of all types
// together, and names come out of them as text in which odd bytes are hard to tell. The guards are
// those that RFC 9267 asks for: a compression pointer must point before the name it stands in and
// before every pointer followed so far; no name beyond 255 octets; every length is checked against
// its section; CNAME chains end after kMostAliases.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "dns/answer.hpp"
#include "dns/question.hpp"

namespace smtpguard::dns {

using Bytes = std::vector<std::uint8_t>;

inline constexpr std::size_t kMostAliases = 8;
// A PTR with thousands of names is somebody's joke: what is beyond is not looked at.
inline constexpr std::size_t kMostRecordsRead = 128;
inline constexpr std::size_t kMostRecordsKept = 32;
inline constexpr std::size_t kMostTextKept = 1024;

// A query with recursion desired; nothing if the name has no form in a message (empty labels, more
// than 63 octets in a label, more than 255 in all).
std::optional<Bytes> write_query(const Question& question, std::uint16_t id);

// The id was checked by who matched the answer to its query; the question is checked here again.
Answer parse_answer(std::span<const std::uint8_t> message, const Question& question);

}  // namespace smtpguard::dns
