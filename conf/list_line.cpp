#include "conf/list_line.hpp"

#include <algorithm>
#include <optional>

#include "conf/base/text.hpp"

namespace smtpguard::conf {
namespace {

// The members of one flat JSON object, one after the other.
class Members {
 public:
  explicit Members(std::string_view object) : rest_(object.substr(1)) {}

  struct Member {
    std::string_view name;
    std::string_view value;  // of a text without its quotes
  };
  // Nothing: no more, or that is no such object.
  std::optional<Member> next() {
    const auto name = take_text();
    if (!name || !take(':')) {
      return {};
    }
    skip_blanks();
    const auto value = !rest_.empty() && rest_.front() == '"' ? take_text() : take_word();
    if (!value) {
      return {};
    }
    take(',');
    return Member{*name, *value};
  }

 private:
  void skip_blanks() {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t"), rest_.size()));
  }

  bool take(char wanted) {
    skip_blanks();
    const bool is_there = !rest_.empty() && rest_.front() == wanted;
    rest_.remove_prefix(is_there ? 1 : 0);
    return is_there;
  }

  // Raw: what we look for has no escapes.
  std::optional<std::string_view> take_text() {
    if (!take('"')) {
      return {};
    }
    for (std::size_t end = 0; end < rest_.size(); ++end) {
      if (rest_[end] == '\\') {
        ++end;
      } else if (rest_[end] == '"') {
        const std::string_view text = rest_.substr(0, end);
        rest_.remove_prefix(end + 1);
        return text;
      }
    }
    return {};
  }

  std::optional<std::string_view> take_word() {
    const auto end = std::min(rest_.find_first_of(",}"), rest_.size());
    const std::string_view word = trim(rest_.substr(0, end));
    rest_.remove_prefix(end);
    return word.empty() ? std::nullopt : std::optional(word);
  }

  std::string_view rest_;
};

std::string from_json(std::string_view object) {
  std::string network;
  std::string label;
  std::string number;
  bool is_metadata = false;
  Members members(object);
  while (const auto member = members.next()) {
    const std::string_view value = trim(member->value);
    if (member->name == "cidr") {
      network = value;
    } else if (member->name == "sblid") {
      label = value;
    } else if (member->name == "asn") {
      number = value;
    } else if (member->name == "type") {
      is_metadata = value == "metadata";
    }
  }
  if (!network.empty()) {
    return label.empty() ? network : network + ' ' + label;
  }
  if (!number.empty()) {
    return "asn:" + number;
  }
  return is_metadata ? std::string() : std::string(object);
}

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

// Where "; comment" begins; only behind a blank, and not in an address with quotes.
std::size_t find_semicolon(std::string_view entry) {
  if (entry.starts_with(';')) {
    return 0;
  }
  for (std::size_t at = 1; at < entry.size(); ++at) {
    if (entry[at] == '"') {
      break;
    }
    if (entry[at] == ';' && is_blank(entry[at - 1])) {
      return at;
    }
  }
  return std::string_view::npos;
}

}  // namespace

ListLine read_list_line(std::string_view line) {
  const auto begin = std::min(line.find_first_not_of(" \t"), line.size());
  std::string_view entry = line.substr(begin);
  if (entry.ends_with('\r')) {
    entry.remove_suffix(1);
  }
  if (entry.starts_with('{')) {
    return {from_json(trim(entry)), begin + 1};
  }
  entry = trim(entry.substr(0, entry.find('#')));
  const auto semicolon = find_semicolon(entry);
  if (semicolon == std::string_view::npos) {
    return {std::string(entry), begin + 1};
  }
  // One word behind it is the label that the list gives to the entry; more is a comment.
  const std::string_view note = trim(entry.substr(semicolon + 1));
  std::string text(trim(entry.substr(0, semicolon)));
  if (!text.empty() && !note.empty() && std::none_of(note.begin(), note.end(), is_blank)) {
    text += ' ';
    text += note;
  }
  return {std::move(text), begin + 1};
}

}  // namespace smtpguard::conf
