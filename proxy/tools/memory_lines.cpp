#include "proxy/tools/memory_lines.hpp"

#include <array>
#include <boost/json.hpp>
#include <memory>

#include "proxy/control/json_text.hpp"

namespace smtpguard::tools {
namespace {

namespace json = boost::json;
namespace memory = filters::memory;

constexpr std::array<const char*, memory::kTraits> kTraitKeys{
    "waits_for_greeting_until", "waits_for_replies_until", "speaks_smtp_until"};

std::string text_in(const json::object& object, std::string_view key) {
  const json::value* const value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
}

double number_in(const json::object& object, std::string_view key) {
  const json::value* const value = object.if_contains(key);
  const double number = value != nullptr && value->is_number() ? value->to_number<double>() : 0;
  return number > 0 && number < 1e12 ? number : 0;
}

memory::Moment moment_in(const json::object& object, std::string_view key) {
  return memory::moment_at(static_cast<std::int64_t>(number_in(object, key)));
}

Result<memory::Change> block_of(const json::object& object) {
  const auto network = Cidr::parse(text_in(object, "network"));
  if (!network) {
    return network.error();
  }
  memory::Block block;
  block.network = *network;
  block.author = text_in(object, "author");
  block.reason = text_in(object, "reason");
  block.since = moment_in(object, "since");
  block.until = moment_in(object, "until");
  block.changed = moment_in(object, "changed");
  block.times = static_cast<std::uint32_t>(memory::seconds_of(moment_in(object, "times")));
  memory::Change change;
  change.block = std::make_shared<const memory::Block>(std::move(block));
  return change;
}

Result<memory::Change> record_of(const json::object& object) {
  const auto kind = memory::kind_of(text_in(object, "kind"));
  const auto key = kind ? memory::Key::restore(*kind, text_in(object, "key")) : std::nullopt;
  if (!key) {
    return Error{"neither a record (\"kind\" and \"key\") nor a block (\"network\")"};
  }
  const auto count = [&](std::string_view name) {
    return static_cast<float>(number_in(object, name));
  };
  memory::Change change;
  memory::Record& record = change.record;
  record.key = *key;
  record.first_seen = moment_in(object, "first_seen");
  record.last_seen = moment_in(object, "last_seen");
  record.expires = moment_in(object, "expires");
  for (std::size_t trait = 0; trait < memory::kTraits; ++trait) {
    record.holds_until[trait] = moment_in(object, kTraitKeys[trait]);
  }
  record.counts = {count("accepted"), count("refused"), count("unknown_recipients"), count("early"),
                   count("junk")};
  const json::value* const hosts = object.if_contains("failed_hosts");
  if (hosts != nullptr && hosts->is_number()) {
    boost::system::error_code ignored;
    record.failed_hosts = hosts->to_number<std::uint64_t>(ignored);
  }
  return change;
}

}  // namespace

std::string to_line(const memory::Record& record) {
  json::object object{{"kind", memory::to_string(record.key.kind())},
                      {"key", record.key.text()},
                      {"first_seen", memory::seconds_of(record.first_seen)},
                      {"last_seen", memory::seconds_of(record.last_seen)},
                      {"expires", memory::seconds_of(record.expires)}};
  for (std::size_t trait = 0; trait < memory::kTraits; ++trait) {
    object[kTraitKeys[trait]] = memory::seconds_of(record.holds_until[trait]);
  }
  object["accepted"] = record.counts.accepted;
  object["refused"] = record.counts.refused;
  object["unknown_recipients"] = record.counts.unknown;
  object["early"] = record.counts.early;
  object["junk"] = record.counts.junk;
  object["failed_hosts"] = record.failed_hosts;
  return control::json_text(object);
}

std::string to_line(const memory::Block& block) {
  return control::json_text(json::object{{"network", block.network.to_string()},
                                         {"author", block.author},
                                         {"reason", block.reason},
                                         {"since", memory::seconds_of(block.since)},
                                         {"until", memory::seconds_of(block.until)},
                                         {"changed", memory::seconds_of(block.changed)},
                                         {"times", block.times}});
}

Result<memory::Change> from_line(std::string_view line) {
  boost::system::error_code error;
  const json::value value = json::parse(json::string_view(line.data(), line.size()), error);
  if (error || !value.is_object()) {
    return Error{"no JSON object"};
  }
  const json::object& object = value.as_object();
  return object.contains("network") ? block_of(object) : record_of(object);
}

}  // namespace smtpguard::tools
