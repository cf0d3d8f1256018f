// TryoutBackend — a small mail server for the try-out: takes PROXY v2, keeps each message as a
// file. Owns: its listener, its threads, the files it wrote.   Called by: tryout_main. Fails:
// is_listening() is false; a connection that speaks no PROXY v2 is closed. Not a mail server for
// anything else: it believes every header and knows every recipient.
#pragma once

#include <cstdint>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "proxy/tools/tryout_socket.hpp"

namespace smtpguard::tryout {

struct StoredMessage {
  std::string client;  // "127.0.0.1:40000", as the PROXY header told it
  std::filesystem::path file;
};

class Backend {
 public:
  Backend(std::filesystem::path folder, const Stop& stop);
  Backend(const Backend&) = delete;
  Backend& operator=(const Backend&) = delete;
  // Stop must have been triggered.
  ~Backend();

  bool is_listening() const { return listener_.is_valid(); }
  std::uint16_t port() const { return own_port(listener_); }
  std::vector<StoredMessage> messages() const;

 private:
  struct Transaction {
    std::string from;
    std::vector<std::string> to;
    std::string text;
  };

  void accept_all();
  void serve(Descriptor socket);
  void converse(Wire& wire, const std::string& client);
  bool receive_text(Wire& wire, Transaction& transaction);
  std::string store(const std::string& client, const std::string& helo,
                    const Transaction& transaction);

  std::filesystem::path folder_;
  const Stop& stop_;
  Descriptor listener_;
  mutable std::mutex mutex_;  // guards the two below
  std::vector<StoredMessage> messages_;
  std::vector<std::thread> conversations_;
  std::thread acceptor_;
};

}  // namespace smtpguard::tryout
