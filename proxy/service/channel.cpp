#include "proxy/service/channel.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <vector>

namespace smtpguard::service {
namespace {

constexpr int kPatience = 1000;  // milliseconds
// A stranger's message may carry more than one; what does not fit the kernel closes.
constexpr std::size_t kMostDescriptors = 4;

#ifdef MSG_NOSIGNAL
constexpr int kFlags = MSG_NOSIGNAL;
#else
constexpr int kFlags = 0;
#endif

Error trouble(const char* call) {
  return Error{std::string("channel: ") + call + ": " + std::generic_category().message(errno)};
}

bool wait_until_writable(int socket) {
  pollfd wanted{socket, POLLOUT, 0};
  return ::poll(&wanted, 1, kPatience) == 1;
}

std::vector<Descriptor> descriptors_of(msghdr& header) {
  std::vector<Descriptor> found;
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) {
      continue;
    }
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int number = -1;
      std::memcpy(&number, CMSG_DATA(part) + i * sizeof number, sizeof number);
      ::fcntl(number, F_SETFD, FD_CLOEXEC);
      found.emplace_back(number);
    }
  }
  return found;
}

}  // namespace

Result<std::pair<Channel, Channel>> Channel::make_pair() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends.data()) != 0) {
    return trouble("socketpair");
  }
  for (const int end : ends) {
    ::fcntl(end, F_SETFD, FD_CLOEXEC);
    ::fcntl(end, F_SETFL, O_NONBLOCK);
  }
  return std::pair(Channel(Descriptor(ends[0])), Channel(Descriptor(ends[1])));
}

Result<void> Channel::send(const Message& message, int descriptor) {
  std::string bytes = to_wire(message);
  iovec text{bytes.data(), bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr header{};
  header.msg_iov = &text;
  header.msg_iovlen = 1;
  if (descriptor >= 0) {
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    cmsghdr* const part = CMSG_FIRSTHDR(&header);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(sizeof descriptor);
    std::memcpy(CMSG_DATA(part), &descriptor, sizeof descriptor);
  }
  while (::sendmsg(socket_.get(), &header, kFlags) < 0) {
    const bool is_full = errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS;
    if (errno != EINTR && !(is_full && wait_until_writable(socket_.get()))) {
      return trouble("send");
    }
  }
  return boost::system::in_place_value;
}

Channel::Received Channel::receive() {
  std::array<char, kMessageLimit + 1> bytes{};
  iovec text{bytes.data(), bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kMostDescriptors)> control{};
  msghdr header{};
  header.msg_iov = &text;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  ssize_t count = 0;
  do {
    count = ::recvmsg(socket_.get(), &header, 0);
  } while (count < 0 && errno == EINTR);
  Received received;
  if (count <= 0) {
    const bool is_empty = count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    received.state = is_empty ? Received::State::Nothing : Received::State::Closed;
    return received;
  }
  std::vector<Descriptor> descriptors = descriptors_of(header);
  auto message = parse_message({bytes.data(), static_cast<std::size_t>(count)});
  if (!message || descriptors.size() > 1) {
    received.state = Received::State::Bad;
    received.trouble = message ? "more than one descriptor" : message.error().text;
    return received;
  }
  received.state = Received::State::Message;
  received.message = std::move(message).value();
  if (!descriptors.empty()) {
    received.descriptor = std::move(descriptors.front());
  }
  return received;
}

}  // namespace smtpguard::service
