#include "proxy/control/memory_report.hpp"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <string_view>

#include "proxy/control/json_text.hpp"

namespace smtpguard::control {
namespace {

namespace json = boost::json;
namespace memory = filters::memory;

std::string_view state_of(const memory::Record& record, memory::Moment now) {
  return record.is_known_good(now) ? "known good" : "no pass";
}

// Of a message that waits, until it may come back.
std::chrono::seconds left_of(const memory::Record& record, const MemoryReport& report) {
  const std::chrono::seconds waited = memory::between(record.first_seen, report.now);
  return record.key.is_message() && waited < report.greylist_wait ? report.greylist_wait - waited
                                                                  : std::chrono::seconds(0);
}

// What is known of it in one line.
std::string in_a_line(const memory::Record& record, const MemoryReport& report) {
  if (record.key.kind() == memory::Key::Kind::Correspondent) {
    return fmt::format("{:42}  since {}, last {}, until {}\n", record.key.text(),
                       memory::to_string(record.first_seen), memory::to_string(record.last_seen),
                       memory::to_string(record.expires));
  }
  const std::chrono::seconds left = left_of(record, report);
  const std::string state = !record.key.is_message() ? "has come back"
                            : left.count() > 0       ? fmt::format("waits {} s more", left.count())
                                                     : std::string("may come back");
  return fmt::format("{:42}  {}, first seen {}, forgotten {}\n", record.key.text(), state,
                     memory::to_string(record.first_seen), memory::to_string(record.expires));
}

json::object in_a_line_of_json(const memory::Record& record, const MemoryReport& report) {
  if (record.key.kind() == memory::Key::Kind::Correspondent) {
    return {{"key", record.key.text()},
            {"first_seen", memory::to_string(record.first_seen)},
            {"last_seen", memory::to_string(record.last_seen)},
            {"expires", memory::to_string(record.expires)}};
  }
  return {{"key", record.key.text()},
          {"has_come_back", !record.key.is_message()},
          {"left", left_of(record, report).count()},
          {"first_seen", memory::to_string(record.first_seen)},
          {"last_seen", memory::to_string(record.last_seen)},
          {"expires", memory::to_string(record.expires)}};
}

json::object to_json(const memory::Record& record, memory::Moment now) {
  const memory::Counts counts = record.counts_at(now);
  return {{"kind", to_string(record.key.kind())},
          {"key", record.key.text()},
          {"known_good", record.is_known_good(now)},
          {"first_seen", memory::to_string(record.first_seen)},
          {"last_seen", memory::to_string(record.last_seen)},
          {"expires", memory::to_string(record.expires)},
          {"waits_for_greeting_until", memory::to_string(record.holds_until[0])},
          {"waits_for_replies_until", memory::to_string(record.holds_until[1])},
          {"speaks_smtp_until", memory::to_string(record.holds_until[2])},
          {"accepted", counts.accepted},
          {"refused", counts.refused},
          {"unknown_recipients", counts.unknown},
          {"early", counts.early},
          {"junk", counts.junk},
          {"failed_hosts", record.failed_host_count()}};
}

// A trait that it has shown holds for some time.
std::string until(memory::Moment end) {
  return end == memory::Moment{} ? "not seen yet" : "until " + memory::to_string(end);
}

std::string to_text(const memory::Record& record, memory::Moment now) {
  const memory::Counts counts = record.counts_at(now);
  std::string text = fmt::format(
      "{} {}: {}\n"
      "  seen               {} to {}, forgotten {}\n"
      "  waits for greeting {}\n"
      "  waits for replies  {}\n"
      "  speaks SMTP        {}\n"
      "  lately             {:.1f} accepted, {:.1f} refused, {:.1f} unknown recipients, {:.1f} "
      "early, "
      "{:.1f} junk\n",
      to_string(record.key.kind()), record.key.text(), state_of(record, now),
      memory::to_string(record.first_seen), memory::to_string(record.last_seen),
      memory::to_string(record.expires), until(record.holds_until[0]), until(record.holds_until[1]),
      until(record.holds_until[2]), counts.accepted, counts.refused, counts.unknown, counts.early,
      counts.junk);
  if (record.key.kind() == memory::Key::Kind::Network) {
    text += fmt::format("  hosts that failed  {}\n", record.failed_host_count());
  }
  return text;
}

// For programs: times are seconds since 1970.
json::object to_json(const Recollection& known) {
  json::object object{{"known_by", known.client.known_by},
                      {"since", memory::seconds_of(known.client.since)},
                      {"seen", known.client.is_seen},
                      {"accepted", known.client.counts.accepted},
                      {"refused", known.client.counts.refused},
                      {"unknown_recipients", known.client.counts.unknown},
                      {"early", known.client.counts.early},
                      {"junk", known.client.counts.junk},
                      {"failed_neighbours", known.client.failed_neighbours},
                      {"block", known.block}};
  if (known.sender) {
    object["correspondent"] = json::object{{"domain", known.sender->domain},
                                           {"by", known.sender->by},
                                           {"since", memory::seconds_of(known.sender->since)}};
  }
  return object;
}

json::object to_json(const MemoryReport& report) {
  json::object object;
  if (!report.done.empty()) {
    object["done"] = report.done;
  }
  if (report.has_figures) {
    object["entries"] = report.entries;
    object["most"] = report.most;
    object["octets"] = report.octets;
    object["store"] = report.store;
    object["waiting"] = report.waiting;
    return object;
  }
  if (report.recollection) {
    return to_json(*report.recollection);
  }
  if (report.blocks) {
    json::array blocks;
    for (const memory::Block& block : *report.blocks) {
      blocks.push_back(json::object{{"network", block.network.to_string()},
                                    {"author", block.author},
                                    {"reason", block.reason},
                                    {"since", memory::to_string(block.since)},
                                    {"until", memory::to_string(block.until)},
                                    {"times", block.times}});
    }
    object["blocks"] = std::move(blocks);
    return object;
  }
  json::array records;
  for (const memory::Record& record : report.records) {
    records.push_back(report.is_list ? in_a_line_of_json(record, report)
                                     : to_json(record, report.now));
  }
  object["records"] = std::move(records);
  return object;
}

std::string to_text(const MemoryReport& report) {
  std::string text;
  if (!report.done.empty()) {
    text = report.done + '\n';
  }
  if (report.recollection) {
    return json_text(to_json(*report.recollection));
  }
  if (report.has_figures) {
    text += fmt::format(
        "{} entries, {} at most (each of 64 shards has its part), {} octets; store: {}, {} changes "
        "wait\n",
        report.entries, report.most, report.octets, report.store, report.waiting);
  }
  for (const memory::Record& record : report.records) {
    text += report.is_list ? in_a_line(record, report) : to_text(record, report.now);
  }
  for (const memory::Block& block : report.blocks.value_or(std::vector<memory::Block>())) {
    text += fmt::format("{:20}  until {}, by {}, {}. time: {}\n", block.network.to_string(),
                        memory::to_string(block.until), block.author, block.times, block.reason);
  }
  if (text.empty()) {
    text = report.blocks ? "nobody is blocked\n" : "nothing is remembered\n";
  }
  text.pop_back();
  return text;
}

}  // namespace

std::string render(const MemoryReport& report, Form form) {
  return form == Form::Json ? json_text(to_json(report)) : to_text(report);
}

}  // namespace smtpguard::control
