#include "dns/fake_resolver.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include "conf/base/escape.hpp"
#include "conf/base/text.hpp"
#include "dns/reverse_name.hpp"

namespace smtpguard::dns {
namespace {

constexpr std::string_view kBlanks = " \t\r";
constexpr std::string_view kDelay = "after=";
constexpr std::uint64_t kMostTtl = 0x7FFFFFFF;

struct NamedOutcome {
  std::string_view name;
  Outcome outcome;
};

constexpr std::array<NamedOutcome, 7> kOutcomes{{
    {"NXDOMAIN", Outcome::NoSuchName},
    {"NODATA", Outcome::NoData},
    {"SERVFAIL", Outcome::ServerFailure},
    {"REFUSED", Outcome::Refused},
    {"TIMEOUT", Outcome::Timeout},
    {"MALFORMED", Outcome::Malformed},
    {"NOTASKED", Outcome::NotAsked},
}};

// Words, "quoted texts" without their quotes; nothing if a quote is left open.
std::optional<std::vector<std::string_view>> split(std::string_view line) {
  std::vector<std::string_view> words;
  while (true) {
    line.remove_prefix(std::min(line.find_first_not_of(kBlanks), line.size()));
    if (line.empty() || line.front() == '#') {
      return words;
    }
    const bool is_quoted = line.front() == '"';
    line.remove_prefix(is_quoted ? 1 : 0);
    const auto end = is_quoted ? line.find('"') : line.find_first_of(kBlanks);
    if (is_quoted && end == std::string_view::npos) {
      return std::nullopt;
    }
    words.push_back(line.substr(0, end));
    line.remove_prefix(std::min(end, line.size()));
    line.remove_prefix(is_quoted ? 1 : 0);
  }
}

std::vector<RecordType> types_of(std::string_view word) {
  std::vector<RecordType> types;
  std::copy_if(std::begin(kRecordTypes), std::end(kRecordTypes), std::back_inserter(types),
               [&](RecordType type) { return word == "ANY" || word == to_string(type); });
  return types;
}

std::string key_of(std::string_view name) {
  const auto address = IpAddress::parse(name);
  return canonical({address ? reverse_name(*address) : std::string(name), RecordType::A}).name;
}

void add_host(std::string_view name, Records& records, std::vector<std::string>& hosts) {
  const std::string host = canonical({std::string(name), RecordType::A}).name;
  if (is_usable_host(host)) {
    hosts.push_back(host);
  } else {
    ++records.unusable;
  }
}

bool add_exchangers(const std::vector<std::string_view>& values, Records& records) {
  if (values.size() % 2 != 0) {
    return false;
  }
  for (std::size_t i = 0; i < values.size(); i += 2) {
    const auto preference = parse_number(values[i]);
    if (!preference || *preference > 65535) {
      return false;
    }
    std::vector<std::string> hosts;
    if (values[i + 1] == ".") {
      hosts.emplace_back();
    } else {
      add_host(values[i + 1], records, hosts);
    }
    for (std::string& host : hosts) {
      records.exchangers.push_back({static_cast<std::uint16_t>(*preference), std::move(host)});
    }
  }
  return true;
}

bool add_values(RecordType type, const std::vector<std::string_view>& values, Records& records) {
  if (type == RecordType::MX) {
    return add_exchangers(values, records);
  }
  for (const std::string_view value : values) {
    if (type == RecordType::PTR) {
      add_host(value, records, records.names);
    } else if (type == RecordType::TXT) {
      records.texts.emplace_back(value);
    } else {
      const auto address = IpAddress::parse(value);
      if (!address || address->is_v4() != (type == RecordType::A)) {
        return false;
      }
      records.addresses.push_back(*address);
    }
  }
  return true;
}

}  // namespace

Result<FakeAnswers> FakeAnswers::parse(std::string_view text) {
  FakeAnswers answers;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const auto end = text.find('\n');
    if (const auto trouble = answers.add_line(text.substr(0, end))) {
      return Error{"answers: line " + std::to_string(number) + ": " + *trouble};
    }
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return answers;
}

std::optional<std::string> FakeAnswers::add_line(std::string_view line) {
  auto words = split(line);
  if (!words) {
    return "a quote is not closed";
  }
  if (words->empty()) {
    return std::nullopt;
  }
  Milliseconds after{0};
  if (words->back().starts_with(kDelay)) {
    const auto delay = parse_duration(words->back().substr(kDelay.size()));
    if (!delay) {
      return escape(words->back()) + ": not a duration";
    }
    after = *delay;
    words->pop_back();
  }
  if (words->size() < 3) {
    return "name, type and a TTL or an outcome are needed";
  }
  const auto types = types_of((*words)[1]);
  if (types.empty()) {
    return escape((*words)[1]) + ": not a type (A, AAAA, PTR, MX, TXT, ANY)";
  }
  const std::string_view third = (*words)[2];
  const auto* const named = std::find_if(kOutcomes.begin(), kOutcomes.end(),
                                         [&](const auto& known) { return known.name == third; });
  const auto ttl = parse_number(third);
  const std::vector<std::string_view> values(words->begin() + 3, words->end());
  Types& place = names_[key_of(words->front())];
  if (named != kOutcomes.end() && values.empty()) {
    for (const RecordType type : types) {
      place[type].answer = without_records(named->outcome);
      place[type].after = after;
    }
    return std::nullopt;
  }
  if (!ttl || *ttl > kMostTtl || values.empty() || types.size() != 1) {
    return escape(third) + ": not an outcome alone, nor a TTL with values of one type";
  }
  Line& entry = place[types.front()];
  entry.answer.outcome = Outcome::Found;
  entry.answer.ttl = std::chrono::seconds(*ttl);
  entry.after = std::max(entry.after, after);
  if (!add_values(types.front(), values, entry.answer.records())) {
    return "not values of type " + std::string(to_string(types.front()));
  }
  return std::nullopt;
}

const FakeAnswers::Types* FakeAnswers::find_name(const std::string& name) const {
  if (const auto found = names_.find(name); found != names_.end()) {
    return &found->second;
  }
  for (auto dot = name.find('.'); dot != std::string::npos; dot = name.find('.', dot + 1)) {
    if (const auto found = names_.find('*' + name.substr(dot)); found != names_.end()) {
      return &found->second;
    }
  }
  return nullptr;
}

FakeAnswers::Line FakeAnswers::find(const Question& question) const {
  const Types* const types = find_name(canonical(question).name);
  if (types == nullptr) {
    return {without_records(Outcome::NoSuchName), Milliseconds(0)};
  }
  const auto found = types->find(question.type);
  if (found == types->end()) {
    return {without_records(Outcome::NoData), Milliseconds(0)};
  }
  return found->second;
}

LookupHandle FakeResolver::ask(const Question& question, Sink sink) {
  ++asked_;
  auto lookup = std::make_shared<Lookup>(std::move(sink));
  FakeAnswers::Line line = answers_.find(question);
  if (line.after.count() > 0) {
    delivery_.post_after(line.after, lookup, std::move(line.answer));
  } else {
    delivery_.post(lookup, std::move(line.answer));
  }
  return LookupHandle(std::move(lookup));
}

}  // namespace smtpguard::dns
