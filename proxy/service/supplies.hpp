// Supplies — what the supervisor has sent a worker to work with, until it is told to Apply it.
// Owns: the descriptors.   Called by: WorkerProcess.
// Fails: take() says so when a message carries nothing that is supplied, or lacks its descriptor.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "proxy/service/channel.hpp"

namespace smtpguard::service {

struct Supplies {
  // As many as a configuration may have listeners, and some.
  static constexpr std::size_t kMostListeners = 1024;

  Descriptor files;
  std::vector<std::pair<std::string, Descriptor>> listeners;  // by address
  Descriptor control;
  Descriptor log_file;
  Descriptor syslog;

  bool take(Channel::Received& received) {
    if (!received.descriptor.is_valid()) {
      return false;
    }
    switch (received.message.kind) {
      case MessageKind::Files:
        files = std::move(received.descriptor);
        return true;
      case MessageKind::Listener:
        if (listeners.size() < kMostListeners) {
          listeners.emplace_back(received.message.text, std::move(received.descriptor));
        }
        return true;
      case MessageKind::ControlSocket:
        control = std::move(received.descriptor);
        return true;
      case MessageKind::LogFile:
        log_file = std::move(received.descriptor);
        return true;
      case MessageKind::Syslog:
        syslog = std::move(received.descriptor);
        return true;
      default:
        return false;
    }
  }

  // None: it was not sent.
  Descriptor take_listener(const std::string& address) {
    const auto found = std::find_if(listeners.begin(), listeners.end(),
                                    [&](const auto& known) { return known.first == address; });
    return found == listeners.end() ? Descriptor() : std::move(found->second);
  }
};

}  // namespace smtpguard::service
