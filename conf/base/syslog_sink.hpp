// SyslogSink — lines to the local syslogd by a datagram socket of our own, that never blocks.
// Owns: the socket, and a queue of what syslogd does not take at once.   Called by: Log.
// Fails: when the queue is full a line is lost, which Log counts and tells later. While no syslogd
// is there it is looked for once a second; from inside a chroot that finds none, and somebody
// outside has to replace() the socket. syslog(3) can do none of this: it blocks and tells nothing.
// RFC 3164 in the form that local syslogds take from libc: "<22>Nov 25 02:00:00 smtpguard[71]:
// ...". OpenBSD needs no socket: sendsyslog(2) works everywhere.
#pragma once

#include <ctime>
#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include "conf/base/clock.hpp"
#include "conf/base/descriptor.hpp"
#include "conf/base/log.hpp"
#include "conf/base/result.hpp"

namespace smtpguard {

inline constexpr const char* kSyslogSocket = "/dev/log";
inline constexpr std::size_t kSyslogQueue = 1000;      // lines
inline constexpr std::size_t kSyslogLineLimit = 8000;  // octets of one line; OpenBSD takes 8192
inline constexpr std::size_t kSyslogQueueOctets = 500'000;

class SyslogSink final : public LogSink {
 public:
  explicit SyslogSink(std::string path = kSyslogSocket);
  // Connected by somebody else; when it is lost, is_cut_off() asks for the next one.
  explicit SyslogSink(Descriptor socket);

  bool write(Severity severity, std::string_view line) override;
  void tend(TimePoint now) override;
  Kind kind() const override { return Kind::Syslog; }
  void replace(Descriptor socket) override;
  bool is_cut_off() const override;

  std::size_t queued() const { return queue_.size(); }

 private:
  bool send_queue();
  // False: not now.
  bool send(const std::string& datagram);
  void connect(TimePoint now);

  std::string path_;  // empty: never connects itself
  Descriptor socket_;
  std::deque<std::string> queue_;
  std::size_t queued_octets_ = 0;
  TimePoint tried_{};
};

// A connected, non-blocking socket to the syslogd at `path`.
Result<Descriptor> connect_to_syslog(const std::string& path = kSyslogSocket);

// One datagram; what is over the limit is cut, which is told in it.
std::string syslog_datagram(Severity severity, std::string_view line, std::time_t now);

}  // namespace smtpguard
