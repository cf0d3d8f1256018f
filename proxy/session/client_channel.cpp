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
}  // namespace

net::Awaitable<ClientChannel::Fill> ClientChannel::fill(TimePoint deadline, bool read_at_once,
                                                        std::size_t at_most) {
  if (kept_from_ < kept_.size()) {
    co_return Fill::Input;
  }
  bool would_block = true;
  if (read_at_once) {
    const Fill got = read(at_most, would_block);
    if (!would_block) {
      co_return got;
    }
  }
  while (would_block) {
    const net::Wake wake = co_await wait_.readable(socket_, deadline);
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
  const net::Io io = net::read_some(
      socket_, std::span(context_.scratch.data(), std::min(at_most, context_.scratch.size())));
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
  const net::Io io = net::peek_some(socket_, std::span(context_.scratch.data(), kPeeked));
  return {context_.scratch.data(), io.status == net::Io::Status::Done ? io.count : 0};
}

net::Awaitable<bool> ClientChannel::write(std::string_view bytes) {
  net::Io io = net::write_some(socket_, bytes);
  if (io.status == net::Io::Status::Done && io.count == bytes.size()) {
    co_return true;
  }
  const TimePoint deadline = SteadyClock::now() + context_.config->limits.write_timeout;
  std::string rest(bytes.substr(io.count));
  std::size_t from = 0;
  while (from < rest.size()) {
    const net::Wake wake = co_await wait_.writable(socket_, deadline);
    if (wake == net::Wake::Abort) {
      is_cut_off_ = true;
      lose(Loss::Aborted);
      co_return false;
    }
    io = net::write_some(socket_, std::string_view(rest).substr(from));
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

net::Awaitable<void> ClientChannel::linger_and_close() {
  net::ErrorCode ignored;
  // A close with unread input becomes a reset, and a reset may overtake our last reply.
  const bool has_unread_input = loss_ == Loss::None && !arrived_meanwhile().empty();
  if (has_unread_input) {
    socket_.shutdown(net::Socket::shutdown_send, ignored);
    const TimePoint deadline = SteadyClock::now() + kLingerTime;
    for (std::size_t reads = 0; reads < kLingerReads; ++reads) {
      keep({});
      const Fill got = co_await fill(deadline, true, kScratch);
      if (got != Fill::Input && got != Fill::Nudge) {
        break;
      }
      in_scratch_ = 0;
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
