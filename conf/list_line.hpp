// ListLine — one line of a list file, in whichever of the usual forms it was published. Pure.
// Owns: the entry.   Called by: Reader::file_entries(), the fuzz target list_line.
// Fails: never; what has no known form is the entry itself, and the room says what is wrong with
// it.
//
//   192.0.2.0/24                                    an entry
//   192.0.2.0/24 label   # a comment                an entry with a label, where the room has
//   labels 192.0.2.0/24 ; SBL256894                        the same (Spamhaus DROP, text)
//   {"cidr":"192.0.2.0/24","sblid":"SBL256894"}     the same (Spamhaus DROP, JSON)
//   {"asn":64500,"cc":"ZZ","asname":"EXAMPLE"}      "asn:64500" (Spamhaus ASN-DROP)
//   {"type":"metadata", ...}                        nothing
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace smtpguard::conf {

struct ListLine {
  std::string entry;       // "192.0.2.0/24 SBL256894"; empty: none
  std::size_t column = 1;  // where it begins

  bool operator==(const ListLine&) const = default;
};

ListLine read_list_line(std::string_view line);

}  // namespace smtpguard::conf
