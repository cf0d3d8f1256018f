#include "proxy/session/client_channel.hpp"

#include <algorithm>
#include <span>
#include <utility>

namespace smtpguard::session {

namespace {
// After our last reply: how long and how much we still take from a client that goes on sending.
constexpr Milliseconds kLingerTime{2000};
constexpr std::size_t kLingerReads = 64;
constexpr std::size_t kPeeked = 4096;
// A client that says much and reads nothing gets no more of our memory than this.
constexpr std::size_t kMostHeld = 4096;
}  // namespace

net::Awaitable<ClientChannel::Fill> ClientChannel::fill(TimePoint deadline, bool read_at_once,
                                                        std::size_t at_most) {
  if (kept_from_ < kept_.size()) {
    co_return Fill::Input;
  }
  bool would_block = true;
  if (read_at_once || held_ || (tls_ && tls_->has_pending())) {
    const Fill got = read(at_most, would_block);
    if (!would_block) {
      co_return got;
    }
  }
  if (held_) {
    const bool is_written = co_await flush();
    if (!is_written) {
      co_return Fill::Lost;
    }
  }
  while (would_block) {
    const net::Wake wake = co_await wait_.ready(socket_, deadline, reads_after_writing_);
    if (wake == net::Wake::Abort) {
      co_return lose(Loss::Aborted);
    }
    if (wake == net::Wake::Nudge) {
      co_return Fill::Nudge;
    }
    const Fill got = read(at_most, would_block);
    if (!would_block) {
      co_return got;
    }
    if (wake == net::Wake::Deadline) {
      co_return Fill::Deadline;
    }
  }
  co_return Fill::Lost;
}

ClientChannel::Fill ClientChannel::read(std::size_t at_most, bool& would_block) {
  const net::Io io =
      read_some(std::span(context_.scratch.data(), std::min(at_most, context_.scratch.size())));
  reads_after_writing_ = io.waits_for_other;
  would_block = io.status == net::Io::Status::WouldBlock;
  switch (io.status) {
    case net::Io::Status::Done:
      in_scratch_ = io.count;
      return Fill::Input;
    case net::Io::Status::Closed:
      return lose(Loss::Closed);
    case net::Io::Status::Broken:
      return lose(Loss::Reset, net::why(io));
    case net::Io::Status::WouldBlock:
      break;
  }
  return Fill::Nudge;
}

net::Io ClientChannel::read_some(std::span<char> into) {
  return tls_ ? tls_->read_some(into) : net::read_some(socket_, into);
}

net::Io ClientChannel::write_some(std::string_view bytes) {
  return tls_ ? tls_->write_some(bytes) : net::write_some(socket_, bytes);
}

std::string_view ClientChannel::take() {
  if (kept_from_ < kept_.size()) {
    return std::string_view(kept_).substr(kept_from_);
  }
  return {context_.scratch.data(), std::exchange(in_scratch_, 0)};
}

void ClientChannel::keep(std::string_view rest) {
  if (rest.empty()) {
    kept_ = {};  // gives the memory back: an idle session owns no buffer
    kept_from_ = 0;
    return;
  }
  const bool is_tail_of_kept = rest.data() >= kept_.data() && !kept_.empty() &&
                               rest.data() + rest.size() == kept_.data() + kept_.size();
  if (is_tail_of_kept) {
    kept_from_ = kept_.size() - rest.size();
    return;
  }
  kept_.assign(rest);
  kept_from_ = 0;
}

std::string_view ClientChannel::arrived_meanwhile() {
  const std::span<char> into(context_.scratch.data(), kPeeked);
  const net::Io io = tls_ ? tls_->peek_some(into) : net::peek_some(socket_, into);
  return {context_.scratch.data(), io.status == net::Io::Status::Done ? io.count : 0};
}

net::Awaitable<bool> ClientChannel::flush() {
  const bool is_written = co_await write({});
  co_return is_written;
}

void ClientChannel::write_at_once(std::string_view bytes) {
  const std::string all = take_held() + std::string(bytes);
  write_some(all);
}

bool ClientChannel::hold(std::string_view bytes) {
  if (bytes.size() + (held_ ? held_->size() : 0) > kMostHeld) {
    return false;
  }
  if (!held_) {
    held_ = std::string();
  }
  *held_ += bytes;
  return true;
}

void ClientChannel::write_held() noexcept {
  if (held_ && !is_cut_off_ && loss_ == Loss::None) {
    write_some(*held_);
    held_.reset();
  }
}

std::string ClientChannel::take_held() {
  std::string held = held_ ? std::move(*held_) : std::string();
  held_.reset();
  return held;
}

net::Awaitable<bool> ClientChannel::write(std::string_view bytes) {
  std::string all;
  if (held_) {
    all = take_held() + std::string(bytes);
    bytes = all;
  }
  if (loss_ != Loss::None) {
    co_return false;  // nothing may follow half a reply
  }
  if (bytes.empty()) {
    co_return true;
  }
  net::Io io = write_some(bytes);
  if (io.status == net::Io::Status::Done && io.count == bytes.size()) {
    co_return true;
  }
  const TimePoint deadline = SteadyClock::now() + write_timeout_;
  std::string rest(bytes.substr(io.count));
  all = {};
  std::size_t from = 0;
  while (from < rest.size()) {
    const net::Wake wake = co_await wait_.ready(socket_, deadline, !io.waits_for_other);
    if (wake == net::Wake::Abort) {
      is_cut_off_ = true;
      lose(Loss::Aborted);
      co_return false;
    }
    io = write_some(std::string_view(rest).substr(from));
    if (io.status == net::Io::Status::Broken) {
      lose(Loss::Reset, net::why(io));
      co_return false;
    }
    from += io.count;
    if (wake == net::Wake::Deadline && io.count == 0) {
      lose(Loss::NotReading);
      net::close_hard(socket_);
      co_return false;
    }
  }
  co_return true;
}

void ClientChannel::discard_input() {
  keep({});
  in_scratch_ = 0;
  const std::span<char> into(context_.scratch);
  while (net::read_some(socket_, into).status == net::Io::Status::Done) {
  }
}

net::Awaitable<std::string> ClientChannel::start_tls(net::TlsContext::Pointer context,
                                                     TimePoint deadline) {
  is_cut_off_ = true;
  context->renew_tickets(SteadyClock::now());
  tls_ = net::TlsStream::begin(std::move(context), socket_, net::TlsStream::Role::Server);
  bool was_nudged = false;
  while (tls_) {
    const net::Io io = tls_->shake_hands();
    if (io.status == net::Io::Status::Done) {
      is_cut_off_ = false;
      if (was_nudged) {
        wait_.nudge();  // it was for the next wait
      }
      co_return std::string();
    }
    if (io.status != net::Io::Status::WouldBlock) {
      co_return tls_->error_text().empty() ? net::why(io) : tls_->error_text();
    }
    const net::Wake wake = co_await wait_.ready(socket_, deadline, io.waits_for_other);
    if (wake == net::Wake::Abort) {
      lose(Loss::Aborted);
      co_return "we are stopping";
    }
    if (wake == net::Wake::Deadline) {
      co_return "timeout";
    }
    was_nudged = was_nudged || wake == net::Wake::Nudge;
  }
  co_return "out of memory";
}

net::Awaitable<void> ClientChannel::linger_and_close() {
  net::ErrorCode ignored;
  if (tls_ && (loss_ == Loss::None || loss_ == Loss::Closed)) {
    tls_->close();  // a farewell is answered with ours (RFC 8446 6.1)
  }
  // A close with unread input becomes a reset, and a reset may overtake our last reply. Under TLS
  // it is thrown away as it comes.
  const std::span<char> into(context_.scratch);
  const bool has_unread_input =
      loss_ == Loss::None && net::peek_some(socket_, into.first(1)).status == net::Io::Status::Done;
  if (has_unread_input) {
    socket_.shutdown(net::Socket::shutdown_send, ignored);
    const TimePoint deadline = SteadyClock::now() + kLingerTime;
    for (std::size_t reads = 0; reads < kLingerReads; ++reads) {
      const net::Io io = net::read_some(socket_, into);
      if (io.status == net::Io::Status::Done) {
        continue;
      }
      if (io.status != net::Io::Status::WouldBlock) {
        break;
      }
      const net::Wake wake = co_await wait_.readable(socket_, deadline);
      if (wake != net::Wake::Ready && wake != net::Wake::Nudge) {
        break;
      }
    }
  }
  socket_.close(ignored);
}

ClientChannel::Fill ClientChannel::lose(Loss loss, std::string detail) {
  if (loss_ == Loss::None) {
    loss_ = loss;
    loss_detail_ = std::move(detail);
  }
  return Fill::Lost;
}

}  // namespace smtpguard::session
