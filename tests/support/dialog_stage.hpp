// DialogStage — plays both dialogs against a scripted client and backend, without a socket.
// Owns: the dialogs, and all bytes that were written on either side.   Called by: transcripts,
// injection tests, the event-sequence fuzz target. It executes actions as Session and Backend do,
// so that whatever the dialogs decide is seen here. An injected event (client or backend gone, time
// over) may come before any step.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "filters/judge.hpp"
#include "proxy/smtp/client_dialog.hpp"
#include "proxy/smtp/data_decoder.hpp"
#include "proxy/smtp/data_encoder.hpp"
#include "proxy/smtp/server_dialog.hpp"

namespace smtpguard::test {

enum class Injection : std::uint8_t {
  None,
  ClientGone,
  ClientSlow,
  BackendGone,
  BackendSlow,
  Stop,
  HandshakeFails  // the next one, on either side
};

// A rulebook from the text of a configuration; "example.org" is ours where it names no recipients.
std::shared_ptr<const filters::Rulebook> rulebook_of(const std::string& toml);
// What the policy "default" says of somebody with no fault at all.
filters::Verdict passed_by_default();

std::shared_ptr<const filters::Rulebook> default_rulebook();

struct StageSettings {
  smtp::HandOff hand_off = smtp::HandOff::None;
  smtp::ServerLimits limits;
  smtp::Offer offer;
  filters::SessionFacts facts;
  std::shared_ptr<const filters::Rulebook> rules = default_rulebook();
  std::uint64_t size_limit = 1'000'000;
  smtp::BodyRules body;
  bool handshake_fails = false;
  smtp::BackendTls backend_tls = smtp::BackendTls::Off;
  bool backend_handshake_fails = false;
};

class DialogStage {
 public:
  explicit DialogStage(StageSettings settings);

  // The next bytes of the client, cut as the test likes; nothing: the client has closed.
  std::function<std::optional<std::string>()> client_says;
  // The same for the backend; asked only when a reply is due. Nothing: it has closed.
  std::function<std::optional<std::string>()> backend_says;
  // Called at each new connection; false: it is refused.
  std::function<bool()> backend_accepts = [] { return true; };
  // What waits in the client's socket, beyond what client_says gave.
  std::function<std::string_view()> client_waits = [] { return std::string_view(); };
  // STARTTLS threw away what waits there.
  std::function<void()> client_is_drained = [] {};
  // Asked before each step.
  std::function<Injection(std::size_t step)> inject = [](std::size_t) { return Injection::None; };

  // Until the session ends; false: it did not within `steps` steps.
  bool run(std::size_t steps = 100'000);

  const std::string& to_client() const { return to_client_; }
  // One string per connection to the backend.
  const std::vector<std::string>& to_backend() const { return to_backend_; }
  const std::vector<smtp::Note>& notes() const { return notes_; }
  std::size_t steps() const { return step_; }
  // Positive replies that the client got to its end-of-data, and that the backend gave.
  std::size_t acknowledged() const { return acknowledged_; }
  std::size_t accepted_by_backend() const { return accepted_by_backend_; }
  const std::string& trouble() const { return trouble_; }
  // The backend sent several replies at once, and the connection went on: one of them has been, or
  // will be, taken for the answer to another command.
  bool has_crossed_replies() const { return has_crossed_replies_; }
  // Something from before a handshake was used behind it: what the client said, a connection to
  // the backend, or bytes of the backend. Or a message was told in plaintext where TLS is required.
  const std::string& broken_rule_of_tls() const { return broken_rule_of_tls_; }

 private:
  void read_command();
  void judge();
  void relay_body();
  smtp::Reply ask(smtp::Question question);
  // How many replies have become whole by these bytes.
  std::size_t replies_in(std::string_view bytes);
  void drop_backend();
  void start_tls(const smtp::Reply& go_ahead);
  void start_backend_tls();
  // Before a question goes to the backend, and before bytes do.
  void check_question(const smtp::Question& question);
  void check_plaintext(std::string_view bytes);
  // True: the client is gone.
  bool fill_input();
  Injection next_injection();

  StageSettings settings_;
  filters::Judge judge_;
  smtp::ServerDialog server_;
  std::optional<smtp::ClientDialog> backend_;
  std::string input_;  // read from the client and not used yet
  std::string to_client_;
  std::vector<std::string> to_backend_;
  std::vector<smtp::Note> notes_;
  std::string trouble_;
  smtp::ReplyReader observer_;  // reads the backend's replies beside the dialog
  bool has_crossed_replies_ = false;
  bool has_rest_behind_reply_ = false;  // of the backend's last bytes
  bool is_backend_tls_ = false;
  std::string broken_rule_of_tls_;
  std::size_t step_ = 0;
  std::size_t acknowledged_ = 0;
  std::size_t accepted_by_backend_ = 0;
  bool end_of_data_was_asked_ = false;
  bool is_over_ = false;
};

}  // namespace smtpguard::test
