// FakeResolver — a DNS of one's own, from a text file: for tests, the dry run, `make run`.
// Owns: the answers.   Called by: tests, main with an answers file.
// Fails: parse() names the first bad line. The file has one line for each record or outcome:
//
//
//   name TYPE ttl value... [after=DELAY]      or      name TYPE OUTCOME [after=DELAY]
//   192.0.2.9              PTR  300  mail.example.net
//   mail.example.net       A    300  192.0.2.9 192.0.2.10
//   example.net            MX   300  10 mail.example.net
//   9.2.0.192.zen.example  TXT  60   "listed, see https://example.org/"
//   *.dead.example         ANY  SERVFAIL  after=2s
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "conf/base/result.hpp"
#include "dns/delivery.hpp"
#include "dns/loop.hpp"
#include "dns/resolver.hpp"

namespace smtpguard::dns {

// What the file says. An address as name means its reverse name. Lines of one name and type add up.
// "#" begins a comment, at the begin of a line or after a blank, outside quotes. The MX "0 ." is a
// null MX. Outcomes: NXDOMAIN, NODATA, SERVFAIL, REFUSED, TIMEOUT, MALFORMED, NOTASKED. ANY is for
// outcomes and stands for all types. A name that begins with "*." stands for all names below it
// that have no lines of their own; a name that is not there at all gives NoSuchName, one without
// lines of the type NoData. Host names that a PTR or MX should not have are counted as unusable, as
// from a wire.
class FakeAnswers {
 public:
  struct Line {
    Answer answer;
    Milliseconds after{0};

    bool operator==(const Line&) const = default;
  };

  static Result<FakeAnswers> parse(std::string_view text);
  Line find(const Question& question) const;

 private:
  using Types = std::map<RecordType, Line>;

  std::optional<std::string> add_line(std::string_view line);
  const Types* find_name(const std::string& name) const;

  std::map<std::string, Types, std::less<>> names_;
};

class FakeResolver final : public Resolver {
 public:
  FakeResolver(Loop& loop, FakeAnswers answers) : answers_(std::move(answers)), delivery_(loop) {}

  LookupHandle ask(const Question& question, Sink sink) override;
  std::uint64_t asked() const { return asked_; }

 private:
  FakeAnswers answers_;
  std::uint64_t asked_ = 0;
  Delivery delivery_;
};

}  // namespace smtpguard::dns
