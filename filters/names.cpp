#include "filters/names.hpp"

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "conf/base/text.hpp"
#include "filters/address_in_name.hpp"
#include "filters/name_runs.hpp"
#include "filters/name_words.hpp"
#include "filters/public_suffix.hpp"

namespace smtpguard::filters {
namespace {

using Words = std::span<const std::string_view>;

bool is_one_of(std::string_view word, Words words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool holds_one_of(std::string_view word, Words parts) {
  return std::any_of(parts.begin(), parts.end(), [&](std::string_view part) {
    return word.find(part) != std::string_view::npos;
  });
}

bool has_word(const std::vector<std::string_view>& found, Words words, Words parts) {
  return std::any_of(found.begin(), found.end(), [&](std::string_view word) {
    return is_one_of(word, words) || holds_one_of(word, parts);
  });
}

// "host-3-4.dsl" of "host-3-4.dsl.example.net", in lower case.
std::string host_part(std::string_view name) {
  const std::string_view organisation = organisational_domain(name, Suffixes::Registries);
  if (organisation.empty() || organisation.size() == name.size()) {
    return {};
  }
  return to_lower(name.substr(0, name.size() - organisation.size() - 1));
}

bool is_vowel(char c) {
  constexpr std::string_view kVowels = "aeiouy";
  return kVowels.find(c) != std::string_view::npos;
}

bool is_hex_number(std::string_view label) {
  constexpr std::size_t kEnough = 8;
  return label.size() >= kEnough && std::any_of(label.begin(), label.end(), is_digit) &&
         std::all_of(label.begin(), label.end(),
                     [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); });
}

// Five consonants in a row, and hardly a vowel in the whole: nobody could say it.
bool is_unspeakable(std::string_view label) {
  if (label.starts_with("xn--")) {
    return false;
  }
  constexpr std::size_t kEnough = 5;
  const auto runs = runs_of(label, [](char c) { return is_alpha(c) && !is_vowel(c); });
  const auto letters = std::count_if(label.begin(), label.end(), is_alpha);
  const auto vowels = std::count_if(label.begin(), label.end(), is_vowel);
  return 4 * vowels <= letters && std::any_of(runs.begin(), runs.end(), [](std::string_view run) {
           return run.size() >= kEnough;
         });
}

}  // namespace

std::string_view without_root_dot(std::string_view name) {
  return name.size() > 1 && name.ends_with('.') ? name.substr(0, name.size() - 1) : name;
}

bool is_at_or_below(std::string_view name, std::string_view domain) {
  if (domain.empty() || name.size() < domain.size() ||
      !equals_ignoring_case(name.substr(name.size() - domain.size()), domain)) {
    return false;
  }
  return name.size() == domain.size() || name[name.size() - domain.size() - 1] == '.';
}

bool is_same_organisation(std::string_view a, std::string_view b) {
  if (equals_ignoring_case(a, b)) {
    return true;
  }
  const std::string_view of_a = organisational_domain(a, Suffixes::All);
  return !of_a.empty() && equals_ignoring_case(of_a, organisational_domain(b, Suffixes::All));
}

std::string generic_sign(std::string_view name, const IpAddress& address) {
  const std::string host = host_part(name);
  const std::vector<std::string_view> words = runs_of(host, is_alpha);
  if (host.empty() || has_word(words, care_words(), care_parts())) {
    return {};
  }
  // The address is looked for in the whole name: there are domains such as ip-192-0-2.example.
  const std::string whole = to_lower(name);
  if (holds_address(whole, address)) {
    return address.to_string();
  }
  if (std::string quad = quad_in(whole); !quad.empty()) {
    return quad;
  }
  const auto word = std::find_if(words.begin(), words.end(), [](std::string_view candidate) {
    return is_one_of(candidate, line_words());
  });
  const bool is_counted = std::any_of(host.begin(), host.end(), is_digit);
  return word == words.end() || !is_counted ? std::string() : std::string(*word);
}

bool is_called_mail_server(std::string_view name) {
  const std::string host = host_part(name);
  return has_word(runs_of(host, is_alpha), mail_words(), mail_parts());
}

std::string_view abused_domain(std::string_view name) {
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos) {
    return {};
  }
  const std::string last = to_lower(name.substr(dot + 1));
  const Words all = abused_domains();
  const auto found = std::find(all.begin(), all.end(), last);
  return found == all.end() ? std::string_view() : *found;
}

std::string hex_label(std::string_view name) {
  const std::string host = host_part(name);
  for (const std::string_view label : runs_of(host, [](char c) { return c != '.'; })) {
    if (is_hex_number(label)) {
      return std::string(label);
    }
  }
  return {};
}

std::string unspeakable_label(std::string_view name) {
  const std::string organisation = to_lower(organisational_domain(name, Suffixes::Registries));
  const std::string_view label = std::string_view(organisation).substr(0, organisation.find('.'));
  return is_unspeakable(label) ? std::string(label) : std::string();
}

}  // namespace smtpguard::filters
