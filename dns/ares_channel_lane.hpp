// Lane — one c-ares channel in the event loop: to one server, over one transport.
// Owns: the channel and, while c-ares has them open, its descriptors' places in the loop.
// Called by: AresChannel, two for each server.   Fails: open(); queries by their End.
// A lane has one transport because in c-ares 1.18 a server that closes its TCP connection ends all
// questions to it, those under way over UDP as well. So the UDP lane takes truncated answers as
// they are, and AresChannel asks again on the TCP lane. Time-outs are c-ares' own: the owner has
// one timer for all its lanes and calls run_timeouts(). No thread-safety, as in c-ares.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>

#include "conf/base/clock.hpp"
#include "conf/base/ip_address.hpp"
#include "conf/base/result.hpp"
#include "dns/message.hpp"

struct ares_channeldata;

namespace smtpguard::dns {

class Lane {
 public:
  enum class Transport : std::uint8_t { Udp, Tcp };
  enum class End : std::uint8_t { Answered, TimedOut, Lost, Broken };
  // Called inside c-ares: it may send again, here or elsewhere, but must not destroy a lane.
  // Possibly before send() returns; once, or never if the lane ends first.
  using OnEnd = std::function<void(End, std::span<const std::uint8_t> message)>;
  using OnProgress = std::function<void()>;

  // `on_progress` is called after c-ares has worked on a descriptor: time-outs may have changed.
  Lane(boost::asio::io_context& io, OnProgress on_progress);
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;
  ~Lane();

  // `patience`: how long one query may take.
  std::optional<Error> open(const Endpoint& server, Transport transport, Milliseconds patience);
  void send(const Bytes& query, OnEnd on_end);
  // How long until run_timeouts() has something to do; nothing while nothing is under way.
  std::optional<std::chrono::microseconds> next_timeout() const;
  void run_timeouts();

 private:
  struct Watch;
  struct Deleter {
    void operator()(ares_channeldata* channel) const noexcept;
  };

  void watch(int socket, bool read, bool write);
  void arm(int socket, const std::shared_ptr<Watch>& watch);
  void on_ready(int socket, const std::shared_ptr<Watch>& watch, bool is_read);

  boost::asio::io_context& io_;
  OnProgress on_progress_;
  std::map<int, std::shared_ptr<Watch>> watches_;
  bool is_closing_ = false;
  std::unique_ptr<ares_channeldata, Deleter> channel_;
};

}  // namespace smtpguard::dns
