// TryoutClients — the sessions that the try-out plays, and what each of them must lead to.
// Owns: one table.   Called by: tryout_main.
// Fails: play() notes in the transcript how far it came; unmet() says which expectation did not
// hold.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/tools/tryout_backend.hpp"
#include "proxy/tools/tryout_socket.hpp"

namespace smtpguard::tryout {

struct Step {
  enum class Kind : std::uint8_t {
    Send,
    ReadReply,  // up to its last line
    ReadLine,   // one line, as clients do that know no multi-line replies
    ReadRest,   // until the server closes or is quiet
  };
  Kind kind = Kind::ReadReply;
  std::string_view text = {};
};

struct Expectation {
  enum class Where : std::uint8_t {
    Client,     // a line that the client received begins with this
    Log,        // a log line of the session holds this
    NotInLog,   // none does
    Delivered,  // the backend has a message of this very client (address and port)
  };
  Where where = Where::Client;
  std::string_view text = {};
};

struct Scenario {
  std::string_view title;
  std::string_view about;
  std::vector<Step> steps;
  std::vector<Expectation> expectations;
  // Comes by a front end, which says so in a PROXY header; empty: from this machine.
  std::string_view address = {};
};

// How clients behave, then who they say they are: the second half comes by the front end.
const std::vector<Scenario>& scenarios();
// The DNS that they live in, as the daemon's answers file.
std::string_view answers();

struct Spoken {
  bool by_client = false;
  double seconds = 0;  // since connect
  std::string line;
};

struct Transcript {
  std::string client;  // as the daemon sees it: "127.0.0.1:40000"
  std::vector<Spoken> lines;
};

// `socket` was connected just now.
Transcript play(const Scenario& scenario, Descriptor socket, const Stop& stop);

// In words; empty: all held.
std::vector<std::string> unmet(const Scenario& scenario, const Transcript& transcript,
                               const std::vector<std::string>& log,
                               const std::vector<StoredMessage>& messages);

}  // namespace smtpguard::tryout
