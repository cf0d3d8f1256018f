// BodyRelay — carries one message from the client to the backend: decoded once, framed anew.
// Owns: the decoder and the encoder; at most one piece that the backend has not taken yet.
// Called by: Session, after 354.
// Fails: by Outcome. A fault, a limit or a dead backend is answered only after the client's true
// end of data, where the client reads the answer; the backend has been cut off without its dot by
// then. RFC 5321 4.1.1.4, 4.5.3.2.5; never the whole message in memory: what the backend does not
// take stops the reading from the client.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "conf/base/clock.hpp"
#include "proxy/session/backend.hpp"
#include "proxy/session/client_channel.hpp"
#include "proxy/smtp/data_decoder.hpp"
#include "proxy/smtp/data_encoder.hpp"
#include "proxy/smtp/reply.hpp"

namespace smtpguard::session {

class BodyRelay {
 public:
  enum class Outcome : std::uint8_t {
    Complete,    // all but the backend's answer
    Refused,     // reply() says it; nothing was delivered
    ClientLost,  // gone inside the message; nothing was delivered
    TooSlow,     // the client sent nothing for too long, or too little for its time
    TooMuch,     // went on far beyond the size limit
  };

  struct Limits {
    smtp::BodyRules rules;
    std::uint64_t size;
    std::uint64_t rate;     // octets a second
    Milliseconds patience;  // for each block
    TimePoint session_deadline;
  };

  BodyRelay(Context& context, ClientChannel& client, Backend& backend, const Limits& limits)
      : context_(context),
        client_(client),
        backend_(backend),
        limits_(limits),
        decoder_(limits.rules) {}

  // The message is read to its end and given to nobody.
  void discard() { is_discarding_ = true; }
  // `preface`: header lines of ours, written before the message; they do not count in its size.
  net::Awaitable<Outcome> run(std::string preface);

  const smtp::Reply& reply() const { return *refusal_; }
  // Why it was refused, for the log; empty where the reply is the backend's own.
  const std::string& reason() const { return reason_; }
  std::uint64_t octets() const { return decoder_.octets(); }
  // Lines that a bare LF ended, where that is taken.
  std::uint64_t normalised() const { return decoder_.normalised(); }

 private:
  // Decodes `input` and appends it to context_.encoded. True: the end of data was in it.
  bool convert(std::string_view& input);
  // The message is not to be delivered: cut the backend off, and only look for the end from now on.
  void refuse(const smtp::Reply& reply, std::string_view reason);
  void refuse_for_backend();
  net::Awaitable<void> pass_on();

  Context& context_;
  ClientChannel& client_;
  Backend& backend_;
  Limits limits_;
  smtp::DataDecoder decoder_;
  smtp::DataEncoder encoder_;
  std::optional<smtp::Reply> refusal_;
  std::string reason_;
  bool is_discarding_ = false;
};

}  // namespace smtpguard::session
