#include "conf/base/syslog_sink.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "conf/base/escape.hpp"

namespace smtpguard {
namespace {

using namespace std::chrono_literals;

constexpr const char* kIdent = "smtpguard";
constexpr Milliseconds kRetry = 1s;
constexpr std::size_t kShortest = 1024;

int priority(Severity severity) {
  switch (severity) {
    case Severity::Debug:
      return LOG_DEBUG;
    case Severity::Info:
      return LOG_INFO;
    case Severity::Warning:
      return LOG_WARNING;
    case Severity::Error:
      break;
  }
  return LOG_ERR;
}

#ifndef __OpenBSD__
// Local time, as libc writes it: syslogd takes it for its own. English whatever the locale.
std::string stamp(std::time_t now) {
  static constexpr std::array<const char*, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  std::tm parts{};
  ::localtime_r(&now, &parts);
  std::array<char, 32> rest{};
  std::strftime(rest.data(), rest.size(), " %e %H:%M:%S ", &parts);
  return std::string(kMonths.at(static_cast<std::size_t>(parts.tm_mon))) + rest.data();
}
#endif

// At a character's begin.
std::string_view cut(std::string_view line, std::size_t limit) {
  while (limit > 0 && (static_cast<unsigned char>(line[limit]) & 0xC0U) == 0x80U) {
    --limit;
  }
  return line.substr(0, limit);
}

}  // namespace

std::string syslog_datagram(Severity severity, std::string_view line,
                            [[maybe_unused]] std::time_t now) {
  std::string datagram = '<' + std::to_string(LOG_MAIL | priority(severity)) + '>';
#ifndef __OpenBSD__
  datagram += stamp(now);
#endif
  datagram += kIdent;
  datagram += '[' + std::to_string(::getpid()) + "]: ";
  if (line.size() <= kSyslogLineLimit) {
    return datagram += line;
  }
  const std::string_view shown = cut(line, kSyslogLineLimit);
  datagram += shown;
  return datagram += "...(+" + std::to_string(line.size() - shown.size()) + ')';
}

Result<Descriptor> connect_to_syslog(const std::string& path) {
  const auto trouble = [&](int error) {
    return Error{"syslog " + escape(path) + ": " + std::generic_category().message(error)};
  };
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return trouble(ENAMETOOLONG);
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  Descriptor socket(::socket(AF_UNIX, SOCK_DGRAM, 0));
  if (!socket.is_valid()) {
    return trouble(errno);
  }
  ::fcntl(socket.get(), F_SETFD, FD_CLOEXEC);
  ::fcntl(socket.get(), F_SETFL, O_NONBLOCK);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return trouble(errno);
  }
  return socket;
}

SyslogSink::SyslogSink(std::string path) : path_(std::move(path)) {
  ::tzset();  // reads files, which a chroot would not have
  connect(SteadyClock::now());
}

SyslogSink::SyslogSink(Descriptor socket) : socket_(std::move(socket)) {
  ::tzset();
}

bool SyslogSink::write(Severity severity, std::string_view line) {
  std::string datagram = syslog_datagram(severity, line, std::time(nullptr));
  if (send_queue() && send(datagram)) {
    return true;
  }
  if (queue_.size() >= kSyslogQueue || queued_octets_ + datagram.size() > kSyslogQueueOctets) {
    return false;
  }
  queued_octets_ += datagram.size();
  queue_.push_back(std::move(datagram));
  return true;
}

void SyslogSink::tend(TimePoint now) {
  if (!socket_.is_valid()) {
    connect(now);
  }
  send_queue();
}

void SyslogSink::replace(Descriptor socket) {
  socket_ = std::move(socket);
  send_queue();
}

// True: empty by now.
bool SyslogSink::send_queue() {
  while (!queue_.empty() && send(queue_.front())) {
    queued_octets_ -= queue_.front().size();
    queue_.pop_front();
  }
  return queue_.empty();
}

#ifdef __OpenBSD__

bool SyslogSink::send(const std::string& datagram) {
  return ::sendsyslog(datagram.data(), datagram.size(), 0) == 0;
}

void SyslogSink::connect(TimePoint /*now*/) {}

bool SyslogSink::is_cut_off() const {
  return false;
}

#else

bool SyslogSink::send(const std::string& datagram) {
  // Twice: a syslogd that was started anew has a new socket behind the old name.
  for (int attempt = 0; attempt < 2; ++attempt) {
    if (!socket_.is_valid()) {
      connect(SteadyClock::now());
    }
    if (!socket_.is_valid()) {
      return false;
    }
    if (::send(socket_.get(), datagram.data(), datagram.size(), 0) >= 0) {
      return true;
    }
    if (errno == EMSGSIZE) {
      // Some systems take 2,048 octets; RFC 3164 promises 1,024.
      const std::string_view begin = cut(datagram, std::min(kShortest, datagram.size() - 1));
      return ::send(socket_.get(), begin.data(), begin.size(), 0) >= 0 || errno == EMSGSIZE;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS || errno == ENOMEM ||
        errno == EINTR) {
      return false;  // it is there, and slow
    }
    socket_.close();
  }
  return false;
}

bool SyslogSink::is_cut_off() const {
  return path_.empty() && !socket_.is_valid();
}

void SyslogSink::connect(TimePoint now) {
  if (path_.empty()) {
    return;
  }
  if (now - tried_ < kRetry && tried_ != TimePoint{}) {
    return;
  }
  tried_ = now;
  auto socket = connect_to_syslog(path_);
  if (socket.has_value()) {
    socket_ = std::move(socket).value();
  }
}

#endif

}  // namespace smtpguard
