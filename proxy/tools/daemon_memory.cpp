#include "proxy/tools/daemon_memory.hpp"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <memory>

#include "filters/memory/identity.hpp"
#include "filters/sender_origin.hpp"
#include "proxy/tools/control_client.hpp"

namespace smtpguard::tools {
namespace {

namespace json = boost::json;
namespace memory = filters::memory;

std::string text_in(const json::object& object, std::string_view key) {
  const json::value* const value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
}

double number_in(const json::object& object, std::string_view key) {
  const json::value* const value = object.if_contains(key);
  return value != nullptr && value->is_number() ? value->to_number<double>() : 0;
}

memory::Moment moment_in(const json::object& object, std::string_view key) {
  return memory::moment_at(static_cast<std::int64_t>(number_in(object, key)));
}

memory::Remembered remembered_in(const json::object& object) {
  const auto count = [&](std::string_view key) {
    return static_cast<float>(number_in(object, key));
  };
  memory::Remembered client;
  client.known_by = text_in(object, "known_by");
  client.is_known_good = !client.known_by.empty();
  client.since = moment_in(object, "since");
  const json::value* const seen = object.if_contains("seen");
  client.is_seen = seen != nullptr && seen->is_bool() && seen->as_bool();
  client.counts = {count("accepted"), count("refused"), count("unknown_recipients"), count("early"),
                   count("junk")};
  client.failed_neighbours = static_cast<int>(number_in(object, "failed_neighbours"));
  return client;
}

std::string in_words(const memory::Remembered& client, const std::string& block) {
  std::string text = client.is_known_good
                         ? fmt::format("known good by {}, since {}: greeted at once",
                                       client.known_by, memory::to_string(client.since))
                     : client.is_seen ? "seen before, no pass"
                                      : "a stranger";
  return block.empty() ? text : fmt::format("{}; TURNED AWAY: {}", text, block);
}

}  // namespace

std::string DaemonMemory::recall(filters::SessionFacts& facts,
                                 const filters::Findings& findings) const {
  if (facts.standing != filters::Standing::Stranger || facts.is_monitor) {
    return "not asked: no stranger";
  }
  const std::string organisation = memory::identify(facts, findings).organisation;
  const std::string domain = filters::sender_domain(facts);
  control::Request request{control::Command::MemoryRecall, control::Form::Json, {}, {}};
  request.argument = fmt::format(
      "{} {} {} {}", facts.client.address.to_string(), organisation.empty() ? "-" : organisation,
      domain.empty() ? "-" : domain, filters::has_confirmed_origin(facts) ? "yes" : "no");
  const auto answer =
      socket_.empty() ? Result<control::Answer>(Error{"no control socket"}) : ask(socket_, request);
  if (!answer || !answer->is_ok) {
    return "no daemon answers, so the client is taken for a stranger";
  }
  boost::system::error_code error;
  const json::value parsed = json::parse(answer->body, error);
  if (error || !parsed.is_object()) {
    return "the daemon's answer is no JSON, so the client is taken for a stranger";
  }
  const json::object& object = parsed.as_object();
  facts.remembered = remembered_in(object);
  facts.correspondent.reset();
  if (const json::value* const sender = object.if_contains("correspondent");
      sender != nullptr && sender->is_object()) {
    const json::object& known = sender->as_object();
    facts.correspondent = std::make_shared<const memory::Correspondent>(memory::Correspondent{
        text_in(known, "domain"), text_in(known, "by"), moment_in(known, "since")});
  }
  return in_words(facts.remembered, text_in(object, "block"));
}

}  // namespace smtpguard::tools
