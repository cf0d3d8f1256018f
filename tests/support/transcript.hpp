// Transcript — a conversation written down in a document, to be replayed and compared.
// Owns: its lines.   Called by: the transcript tests, the injection tests.
// Fails: parse errors are told with file and line; a document that cannot be read is a failing
// test.
//
// A document is Markdown; each ```smtp fence is one transcript, the heading above it its name.
//   C: the client says          S: we say to the client
//   B: the backend says         P: we say to the backend (proxy)
//   C! close | timeout | stop   B! close | refuse
//   N: kind after VERB          a note that is expected, in this order
//   option: name=value          before the first line; see transcript.cpp
// Lines end in CR LF by themselves; \r \n \0 \t \\ \xHH are escapes, and a final backslash says
// that no line end follows. Client lines without a reply between them are one write.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tests/support/dialog_stage.hpp"

namespace smtpguard::test {

struct TranscriptLine {
  enum class Kind { Client, Server, Backend, Proxy, ClientEvent, BackendEvent, Note };
  Kind kind;
  std::string text;  // unescaped, with its line end
  int number = 0;
};

struct Transcript {
  std::string name;  // "file.md: heading"
  std::vector<std::pair<std::string, std::string>> options;
  std::vector<TranscriptLine> lines;

  StageSettings settings() const;
  // option: cut=whole. What is said depends on what comes together in one read.
  bool is_only_whole() const;
  // All that one side says, in order.
  std::string all(TranscriptLine::Kind kind) const;
};

std::vector<Transcript> read_transcripts(const std::string& folder);

// How the client's and the backend's bytes are cut.
enum class Cut { Whole, Bytes, Random };

struct Replay {
  bool ended = false;
  std::string to_client;
  std::string to_backend;  // connections one after the other
  std::vector<std::string> notes;
  std::size_t steps = 0;
  std::size_t acknowledged = 0;
  std::size_t accepted_by_backend = 0;
  std::string broken_rule_of_tls;
};

using Injector = std::function<Injection(std::size_t)>;

// `seed` is for Cut::Random.
Replay replay(const Transcript& transcript, Cut cut, unsigned seed, const Injector& inject);

}  // namespace smtpguard::test
