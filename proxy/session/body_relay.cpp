#include "proxy/session/body_relay.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "proxy/session/body_pace.hpp"

namespace smtpguard::session {

namespace {
// A fast sender must not keep the loop to itself: after so many pieces the others have their turn.
constexpr int kPiecesInARow = 16;
// How much of a message that is refused already is read to find its end.
constexpr std::uint64_t kDiscardFactor = 2;

smtp::Reply refusal_of(smtp::BodyFault fault) {
  if (fault == smtp::BodyFault::EightBit) {
    return smtp::make_reply(554, "5.6.1", fmt::format("{} (RFC 6152)", to_string(fault)));
  }
  return smtp::make_reply(550, "5.6.0", fmt::format("{} (RFC 5321 2.3.8)", to_string(fault)));
}

}  // namespace

net::Awaitable<BodyRelay::Outcome> BodyRelay::run(std::string preface) {
  BodyPace pace(limits_.rate, limits_.patience, SteadyClock::now());
  for (int pieces = 1;; ++pieces) {
    const TimePoint deadline = std::min(pace.deadline(), limits_.session_deadline);
    const ClientChannel::Fill got = co_await client_.fill(deadline, true, kScratch);
    if (got == ClientChannel::Fill::Nudge) {
      continue;  // a stop waits for the message
    }
    if (got != ClientChannel::Fill::Input) {
      backend_.abort();
      co_return got == ClientChannel::Fill::Deadline ? Outcome::TooSlow : Outcome::ClientLost;
    }
    std::string_view input = client_.take();
    const TimePoint began_to_write = SteadyClock::now();
    pace.took(input.size(), began_to_write);
    context_.encoded.assign(preface);  // keeps the buffer's memory
    preface.clear();
    const bool is_complete = convert(input);
    client_.keep(input);
    co_await pass_on();
    pace.paused(SteadyClock::now() - began_to_write);
    if (is_complete) {
      co_return refusal_ ? Outcome::Refused : Outcome::Complete;
    }
    if (refusal_ && decoder_.octets() > limits_.size * kDiscardFactor) {
      co_return Outcome::TooMuch;
    }
    if (pieces % kPiecesInARow == 0) {
      co_await net::asio::post(context_.io.get_executor(), net::kUseTuple);
    }
  }
}

bool BodyRelay::convert(std::string_view& input) {
  using Kind = smtp::BodyPiece::Kind;
  std::string& out = context_.encoded;
  while (true) {
    const smtp::BodyPiece piece = decoder_.next(input);
    switch (piece.kind) {
      case Kind::Lines:
        encoder_.lines(piece.text, out);
        break;
      case Kind::Text:
        encoder_.text(piece.text, piece.ends_line, out);
        break;
      case Kind::Fault:
        refuse(refusal_of(piece.fault), "message.framing");
        break;
      case Kind::End:
        if (!refusal_ && decoder_.octets() <= limits_.size) {
          encoder_.end(out);
        }
        return true;
      case Kind::NeedInput:
        return false;
    }
  }
}

net::Awaitable<void> BodyRelay::pass_on() {
  if (!refusal_ && decoder_.octets() > limits_.size) {
    refuse(smtp::make_reply(552, "5.3.4",
                            fmt::format("message too big: the limit is {} octets", limits_.size)),
           "message.size");
  }
  if (refusal_ || is_discarding_) {
    co_return;
  }
  if (!backend_.is_silent_in_body()) {
    refuse_for_backend();
    co_return;
  }
  // Taken out of the shared buffer, since writing may have to wait; given back for its memory.
  std::string bytes = std::exchange(context_.encoded, {});
  const bool taken = co_await backend_.write(bytes);
  context_.encoded = std::move(bytes);
  if (!taken) {
    refuse_for_backend();
  }
}

void BodyRelay::refuse_for_backend() {
  const smtp::Reply reply = backend_.refusal();
  refuse(reply, reply == smtp::unavailable() ? "backend.unavailable" : "");
}

void BodyRelay::refuse(const smtp::Reply& reply, std::string_view reason) {
  refusal_ = reply;
  reason_ = reason;
  backend_.abort();
}

}  // namespace smtpguard::session
