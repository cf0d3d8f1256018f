// What a process can no longer do once it is in the sandbox: each tried in a child of its own.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/ptrace.h>
#include <sys/resource.h>
#endif

#include <algorithm>
#include <array>
#include <cerrno>
#include <functional>
#include <string>
#include <thread>

#include "proxy/service/sandbox.hpp"

namespace smtpguard::service {
namespace {

constexpr int kCouldNot = 0;
constexpr int kCould = 1;

// The wait status of a child that enters the sandbox and tries `what`.
int in_sandbox(const std::function<int()>& what) {
  const pid_t child = ::fork();
  if (child == 0) {
    sandbox("");
    ::_exit(what());
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return status;
}

bool is_whole() {
  return WEXITSTATUS(in_sandbox([] { return 0; })) == 0 && [] {
    const int status = in_sandbox([] {
      // seccomp alone does this.
      return ::socket(AF_UNIX, SOCK_STREAM, 0) < 0 && errno == EPERM ? kCouldNot : kCould;
    });
    return WIFEXITED(status) && WEXITSTATUS(status) == kCouldNot;
  }();
}

int loopback_socket() {
  return ::socket(AF_INET, SOCK_STREAM, 0);
}

sockaddr_in loopback() {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
  return address;
}

class Sandbox : public testing::Test {
 protected:
  void SetUp() override {
    if (!is_whole()) {
      GTEST_SKIP() << "this build or this kernel has no seccomp";
    }
  }
  // Fails with EPERM, or EACCES where Landlock was there first.
  static void expect_refused(const std::function<bool()>& what) {
    const int status = in_sandbox([&] {
      const bool could = what();
      return !could && (errno == EPERM || errno == EACCES) ? kCouldNot : kCould;
    });
    ASSERT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
    EXPECT_EQ(WEXITSTATUS(status), kCouldNot);
  }
  static void expect_possible(const std::function<bool()>& what) {
    const int status = in_sandbox([&] { return what() ? kCould : kCouldNot; });
    ASSERT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
    EXPECT_EQ(WEXITSTATUS(status), kCould);
  }
  static void expect_deadly(const std::function<int()>& what) {
    const int status = in_sandbox(what);
    ASSERT_TRUE(WIFSIGNALED(status)) << "status " << WEXITSTATUS(status);
    EXPECT_EQ(WTERMSIG(status), SIGSYS);
  }
};

TEST_F(Sandbox, ToExecuteAProgramIsDeadly) {
  expect_deadly([] {
    std::array<char*, 1> nothing{nullptr};
    return ::execve("/bin/true", nothing.data(), nothing.data());
  });
}

TEST_F(Sandbox, ToForkAndToTraceAreRefusedOrDeadly) {
  expect_refused([] { return ::fork() >= 0; });
#ifdef __linux__
  expect_deadly([] { return static_cast<int>(::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr)); });
#endif
}

TEST_F(Sandbox, NoFileCanBeOpened) {
  expect_refused([] { return ::open("/etc/passwd", O_RDONLY) >= 0; });
  expect_refused([] { return ::open("/tmp", O_RDONLY | O_DIRECTORY) >= 0; });
  expect_refused([] { return ::open("/tmp/smtpguard.sandbox", O_CREAT | O_WRONLY, 0600) >= 0; });
  expect_refused([] { return ::unlink("/tmp/smtpguard.sandbox") == 0; });
}

TEST_F(Sandbox, NoPortCanBeBound) {
  expect_refused([] {
    const sockaddr_in address = loopback();
    return ::bind(loopback_socket(), reinterpret_cast<const sockaddr*>(&address), sizeof address) ==
           0;
  });
  expect_refused([] { return ::listen(loopback_socket(), 1) == 0; });
}

TEST_F(Sandbox, NoLocalOrRawSocket) {
  expect_refused([] { return ::socket(AF_UNIX, SOCK_DGRAM, 0) >= 0; });
  expect_refused([] { return ::socket(AF_NETLINK, SOCK_RAW, 0) >= 0; });
}

TEST_F(Sandbox, NoSignalToAnybodyElse) {
  expect_refused([] { return ::kill(::getppid(), 0) == 0; });
}

#ifdef __linux__
TEST_F(Sandbox, NoOwnerNoLeaseAndNoSignalOfADescriptor) {
  expect_refused([] { return ::fcntl(0, F_SETOWN, ::getpid()) == 0; });
  expect_refused([] { return ::fcntl(0, F_SETSIG, SIGTERM) == 0; });
  expect_refused([] { return ::fcntl(0, F_SETLEASE, F_UNLCK) == 0; });
}

TEST_F(Sandbox, LimitsCanBeReadAndNotSet) {
  expect_possible([] {
    rlimit limit{};
    return ::getrlimit(RLIMIT_NOFILE, &limit) == 0;
  });
  expect_refused([] {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    return ::setrlimit(RLIMIT_NOFILE, &limit) == 0;
  });
}
#endif

TEST_F(Sandbox, NoMemoryThatCanRun) {
  expect_refused([] {
    return ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
           MAP_FAILED;
  });
}

TEST_F(Sandbox, WhatAWorkerNeedsIsPossible) {
  expect_possible([] { return loopback_socket() >= 0; });
  expect_possible([] { return ::socket(AF_INET6, SOCK_DGRAM, 0) >= 0; });
  expect_possible([] { return ::fcntl(0, F_DUPFD_CLOEXEC, 0) >= 0; });
  expect_possible([] {
    bool ran = false;
    std::thread thread([&] { ran = true; });
    thread.join();
    return ran;
  });
}

TEST_F(Sandbox, ARefusedCallIsToldOnce) {
  expect_possible([] {
    ::open("/etc/passwd", O_RDONLY);
    const auto first = take_refused();
    ::open("/etc/passwd", O_RDONLY);
    return std::count(first.begin(), first.end(), "openat") == 1 && take_refused().empty();
  });
}

TEST_F(Sandbox, AbortEndsTheProcess) {
  const int status = in_sandbox([]() -> int { ::abort(); });
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGABRT);
}

}  // namespace
}  // namespace smtpguard::service
