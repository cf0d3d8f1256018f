#include "proxy/tools/tryout_backend.hpp"

#include <fmt/format.h>

#include <ctime>
#include <fstream>
#include <utility>

#include "conf/base/text.hpp"
#include "proxy/smtp/proxy_header.hpp"

namespace smtpguard::tryout {

namespace {

constexpr milliseconds kPatience{300'000};

// The argument of "MAIL FROM:<a@b> SIZE=1": "<a@b>".
std::string path_of(const std::string& line) {
  const std::size_t open = line.find('<');
  const std::size_t close = line.find('>', open);
  return close == std::string::npos ? "<>" : line.substr(open, close - open + 1);
}

std::string date_now() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  char text[64];
  const std::size_t size = std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S +0000", &utc);
  return {text, size};
}

// Exactly the header is taken; empty when there was none.
std::string read_proxy_header(Wire& wire) {
  std::string bytes;
  for (;;) {
    const smtp::ProxyParse parsed = smtp::parse_proxy_header(bytes);
    switch (parsed.state) {
      case smtp::ProxyParse::State::Bad:
        return "";
      case smtp::ProxyParse::State::Done:
        return parsed.header.is_local ? "local" : parsed.header.source.to_string();
      case smtp::ProxyParse::State::NeedMore:
        break;
    }
    const std::size_t more =
        parsed.header_bytes > bytes.size() ? parsed.header_bytes - bytes.size() : std::size_t{1};
    if (wire.read_bytes(bytes, more, kPatience) != Wire::Got::Line) {
      return "";
    }
  }
}

}  // namespace

Backend::Backend(std::filesystem::path folder, const Stop& stop)
    : folder_(std::move(folder)), stop_(stop), listener_(listen_on_loopback(0)) {
  if (listener_.is_valid()) {
    acceptor_ = std::thread([this] { accept_all(); });
  }
}

Backend::~Backend() {
  if (acceptor_.joinable()) {
    acceptor_.join();
  }
  // Nobody adds to them any more.
  for (std::thread& conversation : conversations_) {
    conversation.join();
  }
}

std::vector<StoredMessage> Backend::messages() const {
  const std::lock_guard lock(mutex_);
  return messages_;
}

void Backend::accept_all() {
  for (;;) {
    Descriptor socket = accept_one(listener_, stop_);
    if (!socket.is_valid()) {
      return;
    }
    const std::lock_guard lock(mutex_);
    conversations_.emplace_back(
        [this, owned = std::move(socket)]() mutable { serve(std::move(owned)); });
  }
}

void Backend::serve(Descriptor socket) {
  Wire wire(std::move(socket), stop_);
  const std::string client = read_proxy_header(wire);
  if (!client.empty()) {
    converse(wire, client);
  }
}

void Backend::converse(Wire& wire, const std::string& client) {
  std::string helo;
  Transaction transaction;
  std::string line;
  wire.write("220 backend.example.org ESMTP try-out backend\r\n");
  while (wire.read_line(line, kPatience) == Wire::Got::Line) {
    const std::string verb = to_upper(line.substr(0, line.find(' ')));
    if (verb == "EHLO" || verb == "HELO") {
      helo = line.size() > 5 ? line.substr(5) : "";
      transaction = {};
      wire.write(verb == "HELO"
                     ? "250 backend.example.org\r\n"
                     : "250-backend.example.org\r\n250-PIPELINING\r\n250-SIZE 50000000\r\n"
                       "250-8BITMIME\r\n250-SMTPUTF8\r\n250-ENHANCEDSTATUSCODES\r\n"
                       "250 DSN\r\n");
    } else if (verb == "MAIL") {
      transaction = {path_of(line), {}, {}};
      wire.write("250 2.1.0 Sender ok\r\n");
    } else if (verb == "RCPT" && !transaction.from.empty()) {
      transaction.to.push_back(path_of(line));
      wire.write("250 2.1.5 Recipient ok\r\n");
    } else if (verb == "DATA" && !transaction.to.empty()) {
      wire.write("354 Go on\r\n");
      if (!receive_text(wire, transaction)) {
        return;
      }
      wire.write(fmt::format("250 2.0.0 Stored as {}\r\n", store(client, helo, transaction)));
      transaction = {};
    } else if (verb == "RSET" || verb == "NOOP") {
      transaction = verb == "RSET" ? Transaction{} : transaction;
      wire.write("250 2.0.0 Ok\r\n");
    } else if (verb == "QUIT") {
      wire.write("221 2.0.0 Bye\r\n");
      return;
    } else {
      wire.write("503 5.5.1 Not now\r\n");
    }
  }
}

bool Backend::receive_text(Wire& wire, Transaction& transaction) {
  std::string line;
  while (wire.read_line(line, kPatience) == Wire::Got::Line) {
    if (line == ".") {
      return true;
    }
    transaction.text += line.starts_with('.') ? line.substr(1) : line;
    transaction.text += "\r\n";
  }
  return false;
}

std::string Backend::store(const std::string& client, const std::string& helo,
                           const Transaction& transaction) {
  const std::lock_guard lock(mutex_);
  std::string name = fmt::format("message-{}.eml", messages_.size() + 1);
  std::ofstream out(folder_ / name, std::ios::binary);
  out << "Return-Path: " << transaction.from << "\r\n";
  for (const std::string& recipient : transaction.to) {
    out << "Delivered-To: " << recipient << "\r\n";
  }
  out << fmt::format(
      "Received: from {} ({})\r\n\tby backend.example.org (smtpguard-tryout);\r\n\t{}\r\n", helo,
      client, date_now());
  out << transaction.text;
  out.flush();
  messages_.push_back({client, folder_ / name});
  return name;
}

}  // namespace smtpguard::tryout
