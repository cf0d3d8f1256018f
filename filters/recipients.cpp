#include "filters/recipients.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "conf/base/ip_address.hpp"
#include "conf/base/text.hpp"
#include "conf/reader.hpp"

namespace smtpguard::filters {
namespace {

bool is_entry(std::string_view text) {
  const std::string_view name = text.starts_with('.') ? text.substr(1) : text;
  // A name in UTF-8 is compared as it is said (RFC 6531), beside its xn-- form.
  std::string ascii(name);
  std::replace_if(
      ascii.begin(), ascii.end(), [](char c) { return static_cast<unsigned char>(c) > 127; }, 'x');
  return is_host_name(ascii) && !IpAddress::parse(ascii);
}

// "*.example.org" and "user@example.org" are how other programs write it.
std::vector<std::string> meant_by(const std::string& text) {
  const auto skipped = text.find_last_of("*@");
  const std::string rest = skipped == std::string::npos ? text : text.substr(skipped + 1);
  return is_entry(rest) ? std::vector{rest} : std::vector<std::string>{};
}

bool is_atext(char c) {
  return is_alnum(c) || static_cast<unsigned char>(c) > 127 ||
         std::string_view("!#$%&'*+-/=?^_`{|}~").find(c) != std::string_view::npos;
}

bool is_dot_string(std::string_view text) {
  return !text.empty() && text.front() != '.' && text.back() != '.' &&
         text.find("..") == std::string_view::npos &&
         std::all_of(text.begin(), text.end(), [](char c) { return c == '.' || is_atext(c); });
}

std::string compared(std::string_view local_part, std::string_view domain) {
  return to_lower(canonical_local_part(local_part) + '@' + std::string(domain));
}

// An entry with an @ as it is kept.
std::string compared(std::string_view entry) {
  const auto at = entry.rfind('@');
  return at == std::string_view::npos ? to_lower(entry)
                                      : compared(entry.substr(0, at), entry.substr(at + 1));
}

}  // namespace

std::string canonical_local_part(std::string_view local_part) {
  if (local_part.size() < 2 || local_part.front() != '"' || local_part.back() != '"') {
    return std::string(local_part);
  }
  std::string content;
  const std::string_view quoted = local_part.substr(1, local_part.size() - 2);
  for (std::size_t i = 0; i < quoted.size(); ++i) {
    i += quoted[i] == '\\' && i + 1 < quoted.size() ? 1U : 0U;
    content += quoted[i];
  }
  return is_dot_string(content) ? content : std::string(local_part);
}

void RecipientDomains::add(std::string_view entry) {
  domains_.insert(to_lower(entry));
}

bool RecipientDomains::contains(std::string_view domain) const {
  if (domain.empty()) {
    return true;
  }
  const std::string name = to_lower(domain);
  if (domains_.contains(name)) {
    return true;
  }
  for (auto dot = name.find('.'); dot != std::string::npos; dot = name.find('.', dot + 1)) {
    if (domains_.contains(std::string_view(name).substr(dot))) {
      return true;
    }
  }
  return false;
}

bool RecipientDomains::has(std::string_view entry) const {
  return domains_.contains(to_lower(entry));
}

bool RecipientPatterns::has(std::string_view entry) const {
  return addresses_.contains(compared(entry)) || domains_.has(entry);
}

bool RecipientPatterns::add(std::string_view entry) {
  const auto at = entry.rfind('@');
  if (at == std::string_view::npos) {
    if (!is_entry(entry)) {
      return false;
    }
    domains_.add(entry);
    return true;
  }
  if (at == 0 || entry.substr(at + 1).starts_with('.') || !is_entry(entry.substr(at + 1))) {
    return false;
  }
  addresses_.insert(compared(entry));
  return true;
}

bool RecipientPatterns::has_address(std::string_view local_part, std::string_view domain) const {
  return !addresses_.empty() && addresses_.contains(compared(local_part, domain));
}

bool RecipientPatterns::has_domain(std::string_view domain) const {
  return !domain.empty() && domains_.contains(domain);
}

RecipientPatterns read_recipient_patterns(conf::Reader& section, std::string_view key) {
  RecipientPatterns patterns;
  for (const auto& entry : section.strings(key)) {
    if (!patterns.add(entry.value)) {
      section.refuse(key, entry,
                     "\"user@example.org\", \"example.org\" (the domain itself), "
                     "\".example.org\" (all below it)");
    }
  }
  return patterns;
}

RecipientDomains read_recipients(conf::Reader section) {
  RecipientDomains domains;
  const bool is_given = section.has("domains") || section.has("files");
  auto entries = section.strings("domains");
  for (auto& entry : section.file_entries("files")) {
    entries.push_back(std::move(entry));
  }
  for (const auto& entry : entries) {
    if (is_entry(entry.value)) {
      domains.add(entry.value);
    } else {
      section.refuse("domains", entry,
                     "\"example.org\" (itself), \".example.org\" (all below it); other scripts in "
                     "xn-- form or UTF-8",
                     meant_by(entry.value));
    }
  }
  if (entries.empty()) {
    section.error("domains", std::string(is_given ? "empty" : "missing") +
                                 "; expected: the domains whose mail is taken, such as "
                                 "[\"example.org\"]; all other recipients are refused");
  }
  return domains;
}

}  // namespace smtpguard::filters
