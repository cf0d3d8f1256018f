// DnsServer — a name server of a few lines on loopback, over UDP and TCP on one free port.
// Owns: its sockets and a thread, until it is destroyed.   Called by: tests of AresChannel.
// Fails: throws std::system_error if it gets no sockets. Faults are the handler's to make: what it
// returns is sent as it is, any number of datagrams for one query; over TCP with the length before,
// and after one query the connection is closed, which is what c-ares likes least.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "conf/base/ip_address.hpp"
#include "dns/question.hpp"

namespace smtpguard::test {

struct DnsQuery {
  unsigned id = 0;
  dns::Question question;
  bool is_tcp = false;
};

class DnsServer {
 public:
  // Called on the server's thread.
  using Handler = std::function<std::vector<std::string>(const DnsQuery&)>;

  explicit DnsServer(Handler handler);
  ~DnsServer();
  DnsServer(const DnsServer&) = delete;
  DnsServer& operator=(const DnsServer&) = delete;

  Endpoint endpoint() const { return endpoint_; }
  int udp_queries() const { return udp_queries_; }
  int tcp_queries() const { return tcp_queries_; }

 private:
  bool open();
  void close();
  void run();
  void serve_udp();
  void serve_tcp();

  Handler handler_;
  Endpoint endpoint_;
  int udp_ = -1;
  int tcp_ = -1;
  int wake_[2] = {-1, -1};
  std::atomic<int> udp_queries_{0};
  std::atomic<int> tcp_queries_{0};
  std::thread thread_;
};

}  // namespace smtpguard::test
