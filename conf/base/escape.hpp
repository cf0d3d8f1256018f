// Escape — the one way by which hostile text reaches a log or a terminal.
// Owns: nothing.   Called by: the log renderers, error texts.   Fails: never.
// C0, DEL, C1, invalid UTF-8, U+2028/2029, bidi controls, quotes and backslash come out as \r \n \t
// \0
// \" \\ or \xHH per byte, so one record is one line and no terminal is driven (CWE-117, CWE-150).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace smtpguard {

inline constexpr std::size_t kLogTextLimit = 512;

// Printable text without quotes around it. At most `limit` input bytes are shown; what was cut is
// told as "...(+N)".
std::string escape(std::string_view text, std::size_t limit = kLogTextLimit);

// A value of a key=value line: bare when it is made of A-Z a-z 0-9 and - . _ : / @ + [ ] < > , %
// and not empty; else "escaped" in double quotes.
std::string quote_value(std::string_view text, std::size_t limit = kLogTextLimit);

// A JSON string with its quotes (RFC 8259). What escape() hides comes out as \uHHHH. JSON cannot
// hold bytes that are not UTF-8: they become the four characters \xHH of its value, as in the other
// forms.
std::string quote_json(std::string_view text, std::size_t limit = kLogTextLimit);

}  // namespace smtpguard
