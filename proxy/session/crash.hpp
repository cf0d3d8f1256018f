// What an exception said that nobody expected, for the log.
// Owns: nothing.   Called by: EventLoop, Worker.   Fails: never.
#pragma once

#include <exception>
#include <string>

namespace smtpguard::session {

inline std::string text_of(const std::exception_ptr& crash) {
  try {
    std::rethrow_exception(crash);
  } catch (const std::exception& error) {
    return error.what();
  } catch (...) {
    return "unknown exception";  // counted and logged by the caller
  }
}

}  // namespace smtpguard::session
