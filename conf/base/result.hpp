// Result — a value or an Error that says what went wrong and where.
// Owns: the error text.   Called by: every room, for what may fail in normal life (STYLE: errors).
// Fails: value() on an error is a bug of the caller and throws BadResultAccess; ask has_value()
// first. libstdc++ 12 in C++20 has no <expected>; boost::system::result is the same thing,
// header-only.
#pragma once

#include <boost/assert/source_location.hpp>
#include <boost/system/result.hpp>
#include <stdexcept>
#include <string>
#include <utility>

namespace smtpguard {

// Text: subject first, lower case, no full stop, with the offending value:
// "backend 192.0.2.9:10025: connect: connection refused".
struct ErrorText {
  std::string text;

  bool operator==(const ErrorText&) const = default;
};

// Written Error{"..."}. The text is in a base so that std::is_constructible<Error, std::string> is
// false: C++20 counts parenthesised aggregates, and Result<std::string> could not tell value from
// error.
struct Error : ErrorText {
  bool operator==(const Error&) const = default;
};

class BadResultAccess : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

[[noreturn]] inline void throw_exception_from_error(const Error& error,
                                                    const boost::source_location& /*where*/) {
  throw BadResultAccess(error.text);
}

template <typename T>
using Result = boost::system::result<T, Error>;

}  // namespace smtpguard
