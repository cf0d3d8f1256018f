// ClientChannel — the client's socket, seen as input that waits and output that is taken.
// Owns: the socket, TLS over it once that began, and input that came too early to be used.   Called
// by: Session, BodyRelay. Fails: by Fill and bool; why the client is gone is told by lost(). Input
// that was read is used up or kept before the next co_await: the scratch belongs to all.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "conf/base/rare.hpp"
#include "proxy/net/socket_wait.hpp"
#include "proxy/net/tcp.hpp"
#include "proxy/net/tls_stream.hpp"
#include "proxy/session/context.hpp"

namespace smtpguard::session {

class ClientChannel {
 public:
  enum class Fill : std::uint8_t { Input, Deadline, Nudge, Lost };
  // Why the client is gone.
  enum class Loss : std::uint8_t { None, Closed, Reset, NotReading, Aborted };

  // `write_timeout`: for the client to take a reply.
  ClientChannel(Context& context, net::Socket socket, Milliseconds write_timeout)
      : context_(context),
        write_timeout_(write_timeout),
        socket_(std::move(socket)),
        wait_(context.wheel) {}

  // Waits until take() has something to give. `read_at_once`: try before waiting (in a body, where
  // more is likely there already).
  net::Awaitable<Fill> fill(TimePoint deadline, bool read_at_once, std::size_t at_most);
  // Waits for a nudge alone; what the client sends meanwhile stays in the socket.
  net::Awaitable<net::Wake> nudged(TimePoint deadline) { return wait_.nudged(socket_, deadline); }
  // nudged() also ends for what is no end at all: urgent data (EPOLLPRI), which is thrown away, or
  // the next wait would end at once as well.
  bool is_broken() {
    net::drop_urgent_data(socket_);
    return net::is_broken(socket_);
  }
  // What fill() got. Valid until the next co_await; what is not used must be given to keep().
  std::string_view take();
  void keep(std::string_view rest);
  std::string_view kept() const { return std::string_view(kept_).substr(kept_from_); }
  // What is in the socket and was not read yet, at most 4 KB: looks without waiting or taking.
  // Valid until the next co_await.
  std::string_view arrived_meanwhile();

  // Writes all, or tells false: the client is gone or does not read.
  net::Awaitable<bool> write(std::string_view bytes);
  // Goes out with what is written next: replies to commands that came together leave together. Who
  // holds flushes before anything but input is waited for.
  // False: it is enough, and is to be written.
  bool hold(std::string_view bytes);
  bool is_holding() const { return held_.has_value(); }
  net::Awaitable<bool> flush();
  // As much of it as the socket takes now; for a last word before an abrupt end.
  void write_at_once(std::string_view bytes);
  // The same with what is held alone.
  void write_held() noexcept;

  // Throws away all that has come: what stands behind STARTTLS was said by nobody knows whom
  // (CVE-2011-0411).
  void discard_input();
  // From now on nothing is read or written in plaintext. Gives what went wrong; empty: nothing.
  net::Awaitable<std::string> start_tls(net::TlsContext::Pointer context, TimePoint deadline);
  // Null: plaintext.
  const net::TlsStream* tls() const { return tls_.get(); }
  // Ends the stream so that the client can still read our last reply though it has sent more.
  net::Awaitable<void> linger_and_close();

  net::SocketWait& wait() { return wait_; }
  Loss lost() const { return loss_; }
  // A reply went out in part only: no other may follow it.
  bool is_cut_off() const { return is_cut_off_; }
  // "connection reset by peer"; for Reset.
  const std::string& loss_detail() const { return loss_detail_; }

 private:
  Fill lose(Loss loss, std::string detail = {});
  Fill read(std::size_t at_most, bool& would_block);
  net::Io read_some(std::span<char> into);
  net::Io write_some(std::string_view bytes);
  std::string take_held();

  Context& context_;
  Milliseconds write_timeout_;
  net::Socket socket_;
  net::SocketWait wait_;
  std::unique_ptr<net::TlsStream> tls_;  // goes before its socket
  bool reads_after_writing_ = false;     // what TLS has to do first
  Rare<std::string> held_;
  std::string kept_;
  std::size_t kept_from_ = 0;
  std::size_t in_scratch_ = 0;
  bool is_cut_off_ = false;
  Loss loss_ = Loss::None;
  std::string loss_detail_;
};

}  // namespace smtpguard::session
