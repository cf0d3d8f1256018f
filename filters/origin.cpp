#include "filters/origin.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "conf/base/text.hpp"
#include "conf/reader.hpp"
#include "dns/reverse_name.hpp"
#include "filters/session_facts.hpp"

namespace smtpguard::filters {
namespace {

constexpr ByteCount kFileLimit{256'000'000};
constexpr std::size_t kMostOrigins = 8;

dns::Question cymru_question(const IpAddress& client) {
  const bool is_v4 = client.is_v4();
  return {dns::list_name(client.prefix(is_v4 ? 24 : 48),
                         is_v4 ? "origin.asn.cymru.com" : "origin6.asn.cymru.com"),
          dns::RecordType::TXT};
}

// Who is looked up at all; our own networks and those that are allowed by address are not.
bool is_asked(const OriginSources* sources, const SessionFacts& facts) {
  return sources != nullptr && sources->asks_cymru &&
         (facts.standing == Standing::Stranger || facts.standing == Standing::Trusted);
}

std::string_view next_field(std::string_view& rest) {
  const auto bar = rest.find('|');
  const std::string_view field = trim(rest.substr(0, bar));
  rest.remove_prefix(bar == std::string_view::npos ? rest.size() : bar + 1);
  return field;
}

std::vector<std::uint32_t> read_numbers(std::string_view field) {
  std::vector<std::uint32_t> numbers;
  while (!field.empty() && numbers.size() < kMostOrigins) {
    const auto blank = field.find(' ');
    if (const auto number = parse_asn(field.substr(0, blank))) {
      numbers.push_back(*number);
    }
    field = blank == std::string_view::npos ? std::string_view() : trim(field.substr(blank));
  }
  return numbers;
}

}  // namespace

std::optional<std::uint32_t> parse_asn(std::string_view text) {
  if (starts_with_ignoring_case(text, "as")) {
    text.remove_prefix(2);
  }
  const auto number = parse_number(text);
  return number && *number >= 1 && *number <= 0xFFFFFFFF
             ? std::optional(static_cast<std::uint32_t>(*number))
             : std::nullopt;
}

std::shared_ptr<const OriginSources> read_origin_sources(conf::Reader section) {
  auto sources = std::make_shared<OriginSources>();
  section.boolean("cymru", sources->asks_cymru);
  std::string path;
  if (section.file_path("file", path) && !path.empty()) {
    auto content = section.content_of(path, kFileLimit);
    if (!content) {
      section.error("file", content.error().text);
    } else {
      auto file = MaxMindFile::open(std::move(*content));
      if (file) {
        sources->file = std::move(*file);
      } else {
        section.error("file", path + ' ' + file.error().text);
      }
    }
  }
  const bool is_any = sources->file || sources->asks_cymru || section.has("file");
  return is_any ? sources : nullptr;
}

Origin origin_of(const OriginSources* sources, const IpAddress& client) {
  if (sources == nullptr || !sources->file) {
    return {};
  }
  auto found = sources->file->find(client);
  if (!found) {
    return {Origin::State::Known, {}, {}};
  }
  return {Origin::State::Known, {found->number}, std::move(found->name)};
}

void want_origin(const OriginSources* sources, const SessionFacts& facts,
                 std::vector<dns::Question>& questions) {
  if (is_asked(sources, facts) && origin_of(sources, facts.client.address).numbers.empty()) {
    questions.push_back(cymru_question(facts.client.address));
  }
}

Origin origin_of(const OriginSources* sources, const SessionFacts& facts) {
  Origin by_file = origin_of(sources, facts.client.address);
  if (!by_file.numbers.empty() || !is_asked(sources, facts)) {
    return by_file;
  }
  const dns::Question question = cymru_question(facts.client.address);
  const dns::Answer* const answer = facts.dns.find(question.name, question.type);
  if (answer == nullptr) {
    return {Origin::State::Open, {}, {}};
  }
  return dns::is_trouble(answer->outcome) ? Origin{}
                                          : read_cymru(answer->texts(), facts.client.address);
}

Origin read_cymru(const std::vector<std::string>& texts, const IpAddress& client) {
  Origin origin{Origin::State::Known, {}, {}};
  int best = -1;
  for (const std::string_view text : texts) {
    std::string_view rest = text;
    std::vector<std::uint32_t> numbers = read_numbers(next_field(rest));
    const auto network = Cidr::parse(next_field(rest));
    const bool is_better =
        network && network->contains(client) && network->length > best && !numbers.empty();
    if (is_better) {
      best = network->length;
      origin.numbers = std::move(numbers);
    }
  }
  return origin;
}

std::string to_string(const Origin& origin) {
  return fmt::to_string(fmt::join(origin.numbers, ","));
}

}  // namespace smtpguard::filters
