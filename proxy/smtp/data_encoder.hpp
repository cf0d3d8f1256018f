// DataEncoder — frames a message for the backend anew: CR LF at each line end, a dot stuffed before
// each line that begins with one, and one end of data.
// Owns: whether a line is begun.   Called by: the body relay, fuzz target.
// Fails: text that holds CR, LF or NUL is a bug of the caller (assert); DataDecoder never gives
// any. RFC 5321 4.5.2. Of text it trusts nothing about how the client had framed it: a line begins
// only where this class wrote a line end. Of whole lines it trusts DataDecoder, which has looked at
// every octet of them.
#pragma once

#include <string>
#include <string_view>

namespace smtpguard::smtp {

class DataEncoder {
 public:
  // Appends to `out`.
  void text(std::string_view text, bool ends_line, std::string& out);
  // Whole lines as DataDecoder gives them together: with CR LF, none begun with a dot.
  void lines(std::string_view lines, std::string& out);
  // Appends the end of data. To be called at the start of a line only.
  void end(std::string& out);
  bool is_at_line_start() const { return at_line_start_; }

 private:
  void end_line(std::string& out);

  bool at_line_start_ = true;
};

}  // namespace smtpguard::smtp
