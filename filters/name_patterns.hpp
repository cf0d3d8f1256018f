// NamePatterns — some host names: names themselves, and all below a name.
// Owns: the entries, in lower case.   Called by: access.   Fails: never.
// Compared on label boundaries, so that evilexample.org is not below example.org.
#pragma once

#include <set>
#include <string>
#include <string_view>

namespace smtpguard::filters {

class NamePatterns {
 public:
  // "mail.example.org" is that name alone, ".example.org" all below it.
  void add(std::string_view entry);
  // The most specific entry that holds the name, in any case and with a last dot or without one;
  // empty: none does. Valid as long as this.
  std::string_view find(std::string_view name) const;
  // Whether this very entry is there.
  bool has(std::string_view entry) const;
  bool empty() const { return entries_.empty(); }

  bool operator==(const NamePatterns&) const = default;

 private:
  std::set<std::string, std::less<>> entries_;
};

}  // namespace smtpguard::filters
