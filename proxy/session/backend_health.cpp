#include "proxy/session/backend_health.hpp"

#include <algorithm>
#include <utility>

namespace smtpguard::session {

namespace {

using namespace std::chrono_literals;

// After the first failure, then twice as long each time.
constexpr Milliseconds kFirstRest = 2s;
constexpr Milliseconds kLongestRest = 60s;

}  // namespace

const BackendHealth::State* BackendHealth::find(const Endpoint& backend) const {
  const auto found = states_.find(backend);
  return found == states_.end() ? nullptr : &found->second;
}

std::vector<Endpoint> BackendHealth::order(const std::vector<Endpoint>& preferred) const {
  std::vector<Endpoint> ordered = preferred;
  const Lock lock(mutex_);
  std::stable_partition(ordered.begin(), ordered.end(), [&](const Endpoint& backend) {
    const State* const state = find(backend);
    return state == nullptr || state->is_up;
  });
  return ordered;
}

bool BackendHealth::worked(const Endpoint& backend, TimePoint now) {
  const Lock lock(mutex_);
  const bool is_news = known(backend) != true;
  State& state = states_[backend];
  State fresh;
  fresh.heard_at = now;
  fresh.capabilities = std::move(state.capabilities);
  state = std::move(fresh);
  return is_news;
}

bool BackendHealth::failed(const Endpoint& backend, TimePoint now) {
  const Lock lock(mutex_);
  const bool is_news = known(backend) != false;
  State& state = states_[backend];
  state.failed_at = now;
  state.is_suspected = false;
  if (!state.is_up && now < state.rests_until) {
    return false;  // many sessions may have found it down at the same time
  }
  state.is_up = false;
  const Milliseconds rest = kFirstRest * (1U << std::min(state.failures, 5U));
  state.rests_until = now + std::min(rest, kLongestRest);
  ++state.failures;
  return is_news;
}

bool BackendHealth::has_failed_since(const Endpoint& backend, TimePoint since) const {
  const Lock lock(mutex_);
  const State* const state = find(backend);
  return state != nullptr && state->failed_at && *state->failed_at >= since;
}

bool BackendHealth::suspect(const Endpoint& backend, TimePoint since) {
  const Lock lock(mutex_);
  const auto found = states_.find(backend);
  if (found == states_.end() || (found->second.heard_at && *found->second.heard_at >= since)) {
    return false;
  }
  return !std::exchange(found->second.is_suspected, true);
}

std::optional<bool> BackendHealth::outage_news(const std::vector<Endpoint>& preferred) {
  const Lock lock(mutex_);
  const bool is_outage =
      std::all_of(preferred.begin(), preferred.end(),
                  [this](const Endpoint& backend) { return known(backend) == false; });
  return std::exchange(is_outage_told_, is_outage) == is_outage ? std::nullopt
                                                                : std::optional(is_outage);
}

std::optional<TimePoint> BackendHealth::heard_at(const Endpoint& backend) const {
  const Lock lock(mutex_);
  const State* const state = find(backend);
  return state == nullptr ? std::nullopt : state->heard_at;
}

std::optional<bool> BackendHealth::is_up(const Endpoint& backend) const {
  const Lock lock(mutex_);
  return known(backend);
}

std::optional<bool> BackendHealth::known(const Endpoint& backend) const {
  const State* const state = find(backend);
  return state == nullptr ? std::nullopt : std::optional(state->is_up);
}

void BackendHealth::learned(const Endpoint& backend, const smtp::Capabilities& capabilities) {
  const Lock lock(mutex_);
  states_[backend].capabilities = capabilities;
}

std::optional<smtp::Capabilities> BackendHealth::offered(
    const std::vector<Endpoint>& preferred) const {
  std::optional<smtp::Capabilities> all;
  const Lock lock(mutex_);
  for (const Endpoint& backend : preferred) {
    const State* const state = find(backend);
    if (state != nullptr && state->capabilities) {
      all = all ? smtp::common(*all, *state->capabilities) : *state->capabilities;
    }
  }
  return all;
}

std::optional<Endpoint> BackendHealth::due(const std::vector<Endpoint>& preferred,
                                           TimePoint now) const {
  const Lock lock(mutex_);
  const auto found = std::find_if(preferred.begin(), preferred.end(), [&](const Endpoint& backend) {
    const State* const state = find(backend);
    return state == nullptr || state->is_suspected ||
           (state->is_up ? !state->capabilities : state->rests_until <= now);
  });
  return found == preferred.end() ? std::nullopt : std::optional(*found);
}

bool BackendHealth::is_settled(const std::vector<Endpoint>& preferred) const {
  const Lock lock(mutex_);
  return std::all_of(preferred.begin(), preferred.end(), [this](const Endpoint& backend) {
    const State* const state = find(backend);
    return state != nullptr && state->is_up && !state->is_suspected && state->capabilities;
  });
}

void BackendHealth::keep(const std::vector<Endpoint>& backends) {
  const Lock lock(mutex_);
  std::erase_if(states_, [&](const auto& entry) {
    return std::find(backends.begin(), backends.end(), entry.first) == backends.end();
  });
}

}  // namespace smtpguard::session
