#include "dns/ares_channel_console.hpp"

#include <utility>

#include "dns/ares_channel.hpp"
#include "dns/fake_resolver.hpp"

namespace smtpguard::dns {

Result<std::unique_ptr<ConsoleResolver>> ConsoleResolver::open(const Settings& settings) {
  auto resolver = std::unique_ptr<ConsoleResolver>(new ConsoleResolver());
  if (settings.answers) {
    resolver->behind_ = std::make_unique<FakeResolver>(resolver->loop_, *settings.answers);
    return resolver;
  }
  ChannelSettings channel;
  channel.servers = settings.servers;
  channel.budget = settings.budget;
  auto opened = AresChannel::open(resolver->loop_, std::move(channel));
  if (opened.has_error()) {
    return opened.error();
  }
  resolver->behind_ = std::move(opened).value();
  return resolver;
}

ConsoleResolver::~ConsoleResolver() = default;

LookupHandle ConsoleResolver::ask(const Question& question, Sink sink) {
  auto lookup = std::make_shared<Lookup>(std::move(sink));
  // The list owns the lookup for as long as the one behind may answer.
  auto behind =
      behind_->ask(question, [&lookup = *lookup](const Answer& answer) { lookup.deliver(answer); });
  flights_.push_back({lookup, std::move(behind)});
  return LookupHandle(std::move(lookup));
}

bool ConsoleResolver::is_answered() {
  flights_.remove_if([](const Flight& flight) { return !flight.lookup->is_open(); });
  return flights_.empty();
}

bool ConsoleResolver::run(Milliseconds budget) {
  const TimePoint deadline = loop_.now() + budget;
  while (!is_answered()) {
    io_.restart();
    if (io_.run_one_until(deadline) == 0) {
      return is_answered();  // time is over
    }
  }
  return true;
}

}  // namespace smtpguard::dns
