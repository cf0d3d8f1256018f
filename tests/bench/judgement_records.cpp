#include "tests/bench/judgement_records.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string_view>

#include "conf/base/text.hpp"
#include "filters/names.hpp"

namespace smtpguard::bench {
namespace {

std::vector<std::string> columns_of(const std::string& line) {
  std::vector<std::string> columns(1);
  for (const char c : line) {
    if (c == '\t') {
      columns.emplace_back();
    } else {
      columns.back() += c;
    }
  }
  return columns;
}

std::optional<Record> parse(const std::string& line) {
  const std::vector<std::string> columns = columns_of(line);
  if (columns.size() < 11) {
    return {};
  }
  const auto client = IpAddress::parse(columns[1]);
  if (!client) {
    return {};
  }
  Record record;
  record.is_abusive = columns[0] != "ham";
  record.client = *client;
  record.helo = columns[2];
  record.rdns = columns[3];
  record.rdns_status = columns[4];
  record.helo_resolves = columns[5];
  record.sender_domain = columns[7];
  record.year = parse_number(columns[8]).value_or(0);
  record.messages = parse_number(columns[10]).value_or(1);
  return record;
}

// "sessions-lists-ham-dev.tsv" is of the corpus lists-ham; the half is not part of its name.
std::string corpus_of(const std::filesystem::path& path) {
  constexpr std::string_view kBefore = "sessions-";
  const std::string stem = path.stem().string().substr(kBefore.size());
  return stem.substr(0, stem.rfind('-'));
}

bool can_be_asked(std::string_view name) {
  return name.find('.') != std::string_view::npos && is_host_name(name);
}

// Where the names of other people's hosts lead to.
constexpr std::string_view kElsewhere = "192.0.2.1";

std::string leads_to_client(const std::string& name, const Record& record) {
  return fmt::format("{} {} 300 {}\n", name, record.client.is_v4() ? "A" : "AAAA",
                     record.client.to_string());
}

std::string leads_elsewhere(const std::string& name) {
  return fmt::format("{} A 300 {}\n", name, kElsewhere);
}

}  // namespace

Result<std::vector<Record>> read_records(const std::string& folder) {
  std::vector<std::filesystem::path> paths;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("sessions-") && name.ends_with(".tsv")) {
      paths.push_back(entry.path());
    }
  }
  std::sort(paths.begin(), paths.end());
  std::vector<Record> records;
  for (const std::filesystem::path& path : paths) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);  // the names of the columns
    for (std::size_t number = 2; std::getline(file, line); ++number) {
      auto record = parse(line);
      if (!record) {
        return Error{fmt::format("{}:{}: no record", path.string(), number)};
      }
      record->corpus = corpus_of(path);
      records.push_back(std::move(*record));
    }
  }
  return records;
}

std::string answers_of(const Record& record) {
  const std::string client = record.client.to_string();
  const std::string helo(filters::without_root_dot(record.helo));
  const std::string rdns(filters::without_root_dot(record.rdns));
  const bool has_name = is_host_name(rdns);
  const bool is_true = record.rdns_status == "ok" || record.rdns_status == "claimed";
  std::string text;
  if (!record.has_rdns()) {
    text += fmt::format("{} PTR SERVFAIL\n", client);
  } else if (has_name) {
    text += fmt::format("{} PTR 300 {}\n", client, rdns);
    if (can_be_asked(rdns)) {
      text += is_true ? leads_to_client(rdns, record) : leads_elsewhere(rdns);
    }
  } else {
    text += fmt::format("{} PTR NXDOMAIN\n", client);
  }
  if (can_be_asked(helo) && !(has_name && equals_ignoring_case(helo, rdns))) {
    if (record.helo_resolves.empty()) {
      text += fmt::format("{} ANY SERVFAIL\n", helo);
    } else {
      text += record.helo_resolves == "yes" ? leads_to_client(helo, record) : leads_elsewhere(helo);
    }
  }
  const std::string& sender = record.sender_domain;
  if (can_be_asked(sender) && !equals_ignoring_case(sender, helo) &&
      !(has_name && equals_ignoring_case(sender, rdns))) {
    text += fmt::format("{} ANY SERVFAIL\n", sender);
  }
  return text;
}

filters::SessionFacts facts_of(const Record& record) {
  filters::SessionFacts facts;
  facts.id = "bench";
  facts.client = {record.client, 25000};
  facts.listener = {IpAddress::parse("198.51.100.7").value(), 25};
  facts.helo = record.helo;
  facts.is_esmtp = true;
  facts.recipient = filters::Mailbox{"user", "guarded.net", ""};
  if (!record.sender_domain.empty()) {
    facts.sender = filters::Mailbox{"sender", record.sender_domain, ""};
  }
  return facts;
}

}  // namespace smtpguard::bench
