// Question — one thing that is asked of the DNS: a name and a record type.
// Owns: the name.   Called by: filters (through the chain), every Resolver.
// Fails: never; a name that cannot be put into a DNS message is answered with Outcome::NotAsked.
// Names are compared without regard to case (RFC 4343), so equality and caches use canonical().
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace smtpguard::dns {

enum class RecordType : std::uint8_t { A, AAAA, PTR, MX, TXT };

inline constexpr RecordType kRecordTypes[] = {RecordType::A, RecordType::AAAA, RecordType::PTR,
                                              RecordType::MX, RecordType::TXT};

struct Question {
  std::string name;
  RecordType type = RecordType::A;

  bool operator==(const Question&) const = default;
};

// In lower case, without the dot at the end: equal questions become equal values.
Question canonical(Question question);

std::string_view to_string(RecordType type);
// "mail.example.net MX", safe for a log.
std::string to_string(const Question& question);

}  // namespace smtpguard::dns
