#include "proxy/control/server.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/asio/error.hpp>
#include <chrono>
#include <exception>
#include <string>
#include <string_view>
#include <utility>

#include "proxy/net/unix_socket.hpp"

namespace smtpguard::control {

namespace {

using namespace std::chrono_literals;

// For a client to say its request, and to take its answer.
constexpr Milliseconds kPatience = 10s;
// For an order to be carried out; below the minute that smtpguardctl waits.
constexpr Milliseconds kOrderTime = 50s;
constexpr Milliseconds kPause = 1s;

bool is_about_memory(Command command) {
  return command == Command::MemoryStats || command == Command::MemoryShow ||
         command == Command::MemoryForget || command == Command::Pass ||
         command == Command::MemoryRecall || command == Command::GreylistList ||
         command == Command::CorrespondentsList || command == Command::CorrespondentsImport ||
         command == Command::BlockAdd || command == Command::BlockList ||
         command == Command::BlockDelete;
}

}  // namespace

// Reads one line, has it answered, writes the answer, closes. Its own waits keep it alive; once the
// server has forgotten it they find it closed.
class ControlServer::Client final : public std::enable_shared_from_this<Client>,
                                    private net::DeadlineWheel::Entry {
 public:
  Client(ControlServer& server, Socket socket) : server_(&server), socket_(std::move(socket)) {
    socket_.non_blocking(true);
  }

  void begin() {
    arm(kPatience);
    wait_to_read();
  }

  void abandon() noexcept {
    server_ = nullptr;
    disarm();
    net::ErrorCode ignored;
    socket_.close(ignored);
  }

  void answer(bool is_ok, std::string body) {
    if (server_ == nullptr || !answer_.empty()) {
      return;
    }
    answer_ = to_wire(Answer{is_ok, std::move(body)});
    unsent_ = answer_;
    arm(kPatience);
    write();
  }

 private:
  void arm(Milliseconds patience) { server_->wheel_.arm(*this, SteadyClock::now() + patience); }

  void leave() {
    const auto self = shared_from_this();
    if (server_ != nullptr) {
      server_->forget(*this);
    }
    abandon();
  }

  void wait_to_read() {
    socket_.async_wait(Socket::wait_read, [self = shared_from_this()](const net::ErrorCode& error) {
      if (!error && self->server_ != nullptr) {
        self->read();
      }
    });
  }

  void read() {
    std::array<char, kRequestLimit> part{};
    net::ErrorCode error;
    const std::size_t count = socket_.read_some(net::asio::buffer(part), error);
    if (error == net::asio::error::would_block) {
      wait_to_read();
      return;
    }
    if (error) {
      leave();
      return;
    }
    request_.append(part.data(), count);
    const std::size_t end = request_.find('\n');
    if (std::min(end, request_.size()) >= kRequestLimit) {
      answer(false, fmt::format("a request has at most {} octets", kRequestLimit));
    } else if (end == std::string::npos) {
      wait_to_read();
    } else {
      perform(std::string_view(request_).substr(0, end));
    }
  }

  void perform(std::string_view line) {
    const auto request = parse_request(line);
    if (!request) {
      answer(false, render_error(request.error().text,
                                 line.starts_with("json ") ? Form::Json : Form::Text));
      return;
    }
    if (request->command == Command::Status) {
      answer(true, render(server_->commands_.status(), request->form));
    } else if (request->command == Command::Sessions) {
      show_sessions(request->form);
    } else if (request->command == Command::ListStats) {
      answer(true, render(server_->commands_.lists(), request->form));
    } else if (is_about_memory(request->command)) {
      answer_from_memory(*request);
    } else {
      order(request->command, request->form);
    }
  }

  void show_sessions(Form form) {
    form_ = form;
    server_->commands_.sessions([asker = weak_from_this(), form](const SessionsReport& report) {
      if (const auto client = asker.lock()) {
        client->answer(true, render(report, form));
      }
    });
  }

  void answer_from_memory(const Request& request) {
    if (takes_argument(request.command) && request.command != Command::MemoryShow &&
        request.command != Command::MemoryRecall) {
      log_order(fmt::format("{} {}", to_string(request.command), request.argument));
    }
    Request asked = request;
    asked.asker = asker();
    const auto report = server_->commands_.memory(asked);
    answer(report.has_value(), report ? render(*report, request.form)
                                      : render_error(report.error().text, request.form));
  }

  std::string asker() {
    const auto user = net::peer_user(socket_.native_handle());
    return user ? fmt::format("uid {}", *user) : "an unknown user";
  }

  // Text from the socket is printable: parse_request() took it.
  void log_order(std::string_view what) {
    server_->log_.info(fmt::format("control: {}, asked for by {}", what, asker()));
  }

  void order(Command command, Form form) {
    log_order(to_string(command));
    form_ = form;
    arm(kOrderTime);
    server_->commands_.carry_out(
        command, [asker = weak_from_this(), form](const Result<std::string>& outcome) {
          if (const auto client = asker.lock()) {
            client->answer(outcome.has_value(), outcome ? render_done(*outcome, form)
                                                        : render_error(outcome.error().text, form));
          }
        });
  }

  void write() {
    net::ErrorCode error;
    while (!error && !unsent_.empty()) {
      unsent_.remove_prefix(socket_.write_some(net::asio::buffer(unsent_), error));
    }
    if (error == net::asio::error::would_block) {
      wait_to_write();
    } else {
      leave();
    }
  }

  void wait_to_write() {
    socket_.async_wait(Socket::wait_write,
                       [self = shared_from_this()](const net::ErrorCode& error) {
                         if (!error && self->server_ != nullptr) {
                           self->write();
                         }
                       });
  }

  void on_deadline() noexcept override {
    try {
      const bool is_waiting_for_outcome =
          answer_.empty() && request_.find('\n') != std::string::npos;
      if (is_waiting_for_outcome) {
        answer(false, render_error("not done yet; the log will tell what comes of it", form_));
        return;
      }
      leave();
    } catch (const std::exception&) {
      abandon();  // out of memory: the client finds its connection closed
    }
  }

  ControlServer* server_;  // null: forgotten
  Socket socket_;
  std::string request_;
  Form form_ = Form::Text;
  std::string answer_;
  std::string_view unsent_;  // the rest of answer_
};

ControlServer::ControlServer(net::asio::io_context& io, net::DeadlineWheel& wheel,
                             Commands& commands, Log& log, Descriptor listening)
    : wheel_(wheel),
      commands_(commands),
      log_(log),
      acceptor_(io.get_executor(), Protocol(), listening.release()) {
  acceptor_.non_blocking(true);
  wait();
}

ControlServer::~ControlServer() {
  *is_alive_ = false;
  for (const auto& client : clients_) {
    client->abandon();
  }
}

void ControlServer::close() {
  pause_.disarm();
  net::ErrorCode ignored;
  acceptor_.close(ignored);
}

// The flag outlives this: a wait that was cancelled by the end still has its handler called.
void ControlServer::wait() {
  acceptor_.async_wait(Acceptor::wait_read,
                       [this, is_alive = is_alive_](const net::ErrorCode& error) {
                         if (!error && *is_alive) {
                           go_on();
                         }
                       });
}

void ControlServer::go_on() noexcept {
  try {
    if (accept_some()) {
      wait();
      return;
    }
  } catch (const std::exception&) {
    // Out of memory, and telling would need some.
  }
  wheel_.arm(pause_, SteadyClock::now() + kPause);
}

bool ControlServer::accept_some() {
  while (acceptor_.is_open()) {
    net::ErrorCode error;
    Socket socket = acceptor_.accept(error);
    if (error == net::asio::error::would_block) {
      return true;
    }
    if (!error) {
      admit(std::move(socket));
    } else if (error != net::asio::error::connection_aborted) {
      return false;
    }
  }
  return true;
}

void ControlServer::admit(Socket socket) {
  const auto client = std::make_shared<Client>(*this, std::move(socket));
  clients_.push_back(client);
  if (clients_.size() > kMostClients) {
    client->answer(false, fmt::format("{} others are asking; try again", kMostClients));
    forget(*client);
    client->abandon();
    return;
  }
  client->begin();
}

void ControlServer::forget(const Client& client) {
  std::erase_if(clients_, [&](const auto& known) { return known.get() == &client; });
}

}  // namespace smtpguard::control
