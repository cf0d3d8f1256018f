#include "dns/ares_channel_lane.hpp"

#include <ares.h>
#include <netinet/in.h>
#include <sys/time.h>

#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <cstring>
#include <mutex>
#include <utility>

namespace smtpguard::dns {
namespace {

using Descriptor =
    boost::asio::posix::basic_stream_descriptor<boost::asio::io_context::executor_type>;

ares_addr_port_node to_node(const Endpoint& server) {
  ares_addr_port_node node{};
  node.family = server.address.is_v4() ? AF_INET : AF_INET6;
  std::memcpy(&node.addr, server.address.bytes().data(), server.address.is_v4() ? 4 : 16);
  node.udp_port = server.port;
  node.tcp_port = server.port;
  return node;
}

Lane::End end_of(int status) {
  switch (status) {
    case ARES_SUCCESS:
      return Lane::End::Answered;
    case ARES_ECONNREFUSED:
      return Lane::End::Lost;
    case ARES_EBADRESP:
      return Lane::End::Broken;
    default:
      return Lane::End::TimedOut;
  }
}

}  // namespace

// A descriptor of c-ares with its place in the loop. c-ares closes it, we only look. Shared with
// the handlers of its waits, which run after c-ares has closed it, or never.
struct Lane::Watch {
  Watch(boost::asio::io_context& io, int socket) : descriptor(io.get_executor(), socket) {}

  // Here and now: c-ares closes the descriptor next, and a close of ours, later, would hit whatever
  // got its number.
  void let_go() {
    is_dead = true;
    descriptor.release();
  }

  Descriptor descriptor;
  bool is_dead = false;
  bool wants_read = false;
  bool wants_write = false;
  bool reads = false;  // a wait is outstanding
  bool writes = false;
};

void Lane::Deleter::operator()(ares_channeldata* channel) const noexcept {
  ares_destroy(channel);
}

Lane::Lane(boost::asio::io_context& io, OnProgress on_progress)
    : io_(io), on_progress_(std::move(on_progress)) {}

Lane::~Lane() {
  // From here c-ares calls back only for us to let go of what it closes and free what it had.
  is_closing_ = true;
  channel_.reset();
}

std::optional<Error> Lane::open(const Endpoint& server, Transport transport,
                                Milliseconds patience) {
  static std::once_flag library;
  std::call_once(library, [] { ares_library_init(ARES_LIB_INIT_ALL); });
  char lookups[] = "b";              // no hosts file
  char resolv_conf[] = "/dev/null";  // nothing of the machine's settings
  ares_options options{};
  // NOCHECKRESP: SERVFAIL, REFUSED and NOTIMP come as answers, not all as "connection refused".
  options.flags = ARES_FLAG_NOCHECKRESP | ARES_FLAG_NOSEARCH |
                  (transport == Transport::Tcp ? ARES_FLAG_USEVC : ARES_FLAG_IGNTC);
  options.tries = 1;
  options.timeout = static_cast<int>(patience.count());
  options.lookups = lookups;
  options.resolvconf_path = resolv_conf;
  options.sock_state_cb_data = this;
  options.sock_state_cb = [](void* data, ares_socket_t socket, int read, int write) {
    static_cast<Lane*>(data)->watch(socket, read != 0, write != 0);
  };
  ares_channel channel = nullptr;
  int status =
      ares_init_options(&channel, &options,
                        ARES_OPT_FLAGS | ARES_OPT_TRIES | ARES_OPT_TIMEOUTMS | ARES_OPT_LOOKUPS |
                            ARES_OPT_NOROTATE | ARES_OPT_SOCK_STATE_CB | ARES_OPT_RESOLVCONF);
  if (status == ARES_SUCCESS) {
    channel_.reset(channel);
    ares_addr_port_node node = to_node(server);
    status = ares_set_servers_ports(channel, &node);
  }
  if (status != ARES_SUCCESS) {
    return Error{"dns: server " + server.to_string() + ": " + ares_strerror(status)};
  }
  return std::nullopt;
}

void Lane::send(const Bytes& query, OnEnd on_end) {
  struct Attempt {
    Lane* lane;
    OnEnd on_end;
  };
  const auto ended = [](void* argument, int status, int /*timeouts*/, unsigned char* bytes,
                        int length) {
    const std::unique_ptr<Attempt> attempt(static_cast<Attempt*>(argument));
    if (!attempt->lane->is_closing_) {
      attempt->on_end(end_of(status),
                      {bytes, bytes == nullptr ? 0 : static_cast<std::size_t>(length)});
    }
  };
  auto attempt = std::make_unique<Attempt>(Attempt{this, std::move(on_end)});
  // c-ares copies the query and gives the attempt back once, in any case.
  ares_send(channel_.get(), query.data(), static_cast<int>(query.size()), ended, attempt.release());
}

std::optional<std::chrono::microseconds> Lane::next_timeout() const {
  timeval buffer{};
  const timeval* const wait = ares_timeout(channel_.get(), nullptr, &buffer);
  if (wait == nullptr) {
    return std::nullopt;
  }
  // c-ares cuts to whole milliseconds: one more, or the timer would come too early, and often.
  return std::chrono::seconds(wait->tv_sec) + std::chrono::microseconds(wait->tv_usec) +
         Milliseconds(1);
}

void Lane::run_timeouts() {
  ares_process_fd(channel_.get(), ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

// c-ares opens, changes and closes a descriptor.
void Lane::watch(int socket, bool read, bool write) {
  const auto found = watches_.find(socket);
  if (!read && !write) {
    if (found != watches_.end()) {
      found->second->let_go();
      watches_.erase(found);
    }
    return;
  }
  if (is_closing_) {
    return;
  }
  const auto watch = found != watches_.end() ? found->second : std::make_shared<Watch>(io_, socket);
  watches_[socket] = watch;
  watch->wants_read = read;
  watch->wants_write = write;
  arm(socket, watch);
}

void Lane::arm(int socket, const std::shared_ptr<Watch>& watch) {
  const auto wait = [&](Descriptor::wait_type what, bool is_read) {
    watch->descriptor.async_wait(
        what, [this, socket, watch, is_read](const boost::system::error_code& /*c-ares' own*/) {
          (is_read ? watch->reads : watch->writes) = false;
          // A watch that lives has a lane that lives.
          if (!watch->is_dead) {
            on_ready(socket, watch, is_read);
          }
        });
  };
  if (watch->wants_read && !std::exchange(watch->reads, true)) {
    wait(Descriptor::wait_read, true);
  }
  if (watch->wants_write && !std::exchange(watch->writes, true)) {
    wait(Descriptor::wait_write, false);
  }
}

void Lane::on_ready(int socket, const std::shared_ptr<Watch>& watch, bool is_read) {
  ares_process_fd(channel_.get(), is_read ? socket : ARES_SOCKET_BAD,
                  is_read ? ARES_SOCKET_BAD : socket);
  if (!watch->is_dead) {
    arm(socket, watch);
  }
  on_progress_();
}

}  // namespace smtpguard::dns
