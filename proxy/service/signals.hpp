// Signals — those that the supervisor heeds, blocked but while it waits: none is lost between two
// looks, nor while it executes a new program over itself.
// Owns: the handlers and the mask, until it dies.   Called by: Supervisor; one per process.
// Fails: never.
#pragma once

#include <csignal>

struct pollfd;

namespace smtpguard::service {

class Signals {
 public:
  Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;
  ~Signals();

  // Returns when a descriptor is ready, a signal came, or the time (milliseconds) is over.
  void wait(pollfd* descriptors, unsigned count, int timeout);
  // Whether it came since the last time that we asked.
  bool take(int number);
  // For a child that executes something else.
  static void unblock_all();

 private:
  sigset_t before_{};
};

}  // namespace smtpguard::service
