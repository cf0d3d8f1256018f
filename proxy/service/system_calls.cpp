#include "proxy/service/system_calls.hpp"

#ifdef SMTPGUARD_SECCOMP

#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <ucontext.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <system_error>

namespace smtpguard::service {
namespace {

// With any arguments.
constexpr auto kAllowed = std::to_array<const char*>({
    // Sockets that are there, and descriptors.
    "read",
    "readv",
    "write",
    "writev",
    "recvfrom",
    "recvmsg",
    "sendto",
    "sendmsg",
    "accept",
    "accept4",
    "connect",
    "shutdown",
    "getsockname",
    "getpeername",
    "getsockopt",
    "setsockopt",
    "close",
    "dup",
    "fstat",
    "fstat64",
    "pread64",
    "lseek",
    "_llseek",
    // The event loop.
    "epoll_create1",
    "epoll_ctl",
    "epoll_wait",
    "epoll_pwait",
    "epoll_pwait2",
    "poll",
    "ppoll",
    "ppoll_time64",
    "select",
    "_newselect",
    "pselect6",
    "pselect6_time64",
    "timerfd_create",
    "timerfd_settime",
    "timerfd_settime64",
    "eventfd2",
    // Memory.
    "brk",
    "munmap",
    "mremap",
    "madvise",
    // Time and chance.
    "clock_gettime",
    "clock_gettime64",
    "clock_getres",
    "clock_nanosleep",
    "clock_nanosleep_time64",
    "nanosleep",
    "gettimeofday",
    "time",
    "getrandom",
    // Threads.
    "futex",
    "futex_time64",
    "set_robust_list",
    "rseq",
    "sched_yield",
    "sched_getaffinity",
    "membarrier",
    // The process itself.
    "exit",
    "exit_group",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "sigreturn",
    "sigaltstack",
    "restart_syscall",
    "getpid",
    "gettid",
    "getuid",
    "geteuid",
    "getgid",
    "getegid",
    "getrlimit",
    "ugetrlimit",
    "uname",
    "sysinfo",
    "getrusage",
});

// For a worker that keeps files; Landlock and its root directory say which.
constexpr auto kOfFiles = std::to_array<const char*>({
    "open",       "openat",     "stat",      "stat64",      "lstat",     "lstat64",
    "newfstatat", "fstatat64",  "statx",     "access",      "faccessat", "faccessat2",
    "readlink",   "readlinkat", "getcwd",    "unlink",      "unlinkat",  "rename",
    "renameat",   "renameat2",  "ftruncate", "ftruncate64", "fallocate", "pwrite64",
    "fsync",      "fdatasync",  "fchmod",    "fchown",      "fchown32",
});

// What only an intruder would call.
constexpr auto kDeadly = std::to_array<const char*>({
    "execve",
    "execveat",
    "ptrace",
    "process_vm_readv",
    "process_vm_writev",
    "fork",
    "vfork",
});

// The flags of a descriptor, copies of it, and locks on files of our own (SQLite). Signals, leases
// and owners are nobody's business here.
constexpr auto kDescriptorCommands = std::to_array<int>({
    F_GETFD,
    F_SETFD,
    F_GETFL,
    F_SETFL,
    F_DUPFD,
    F_DUPFD_CLOEXEC,
    F_GETLK,
    F_SETLK,
    F_SETLKW,
#ifdef F_OFD_SETLK
    F_OFD_GETLK,
    F_OFD_SETLK,
    F_OFD_SETLKW,
#endif
});

constexpr std::size_t kMostCalls = 1024;

// A signal handler has no other place.
std::array<std::atomic<bool>, kMostCalls> refused{};
std::array<bool, kMostCalls> told{};

// Makes the call fail with EPERM, as SCMP_ACT_ERRNO would, and remembers which one it was.
void refuse(int /*signal*/, siginfo_t* info, void* context) {
  const auto number = static_cast<std::size_t>(static_cast<unsigned>(info->si_syscall));
  if (number < kMostCalls) {
    refused[number].store(true, std::memory_order_relaxed);
  }
  auto* const state = static_cast<ucontext_t*>(context);
#if defined(__x86_64__)
  state->uc_mcontext.gregs[REG_RAX] = -EPERM;
#elif defined(__aarch64__)
  state->uc_mcontext.regs[0] = static_cast<unsigned long long>(-EPERM);
#else
  static_cast<void>(state);
#endif
}

#if defined(__x86_64__) || defined(__aarch64__)
constexpr std::uint32_t kRefuse = SCMP_ACT_TRAP;
#else
// Refused by the kernel alone, which tells it in its own log if it is asked to.
constexpr std::uint32_t kRefuse = SCMP_ACT_ERRNO(EPERM);
#endif

class Filter {
 public:
  Filter() : context_(::seccomp_init(kRefuse), &::seccomp_release) {}

  bool is_valid() const { return context_ != nullptr; }

  // Names that this architecture does not have are left out.
  template <typename... Conditions>
  void add(std::uint32_t action, const char* name, Conditions... conditions) {
    const int call = ::seccomp_syscall_resolve_name(name);
    if (call == __NR_SCMP_ERROR) {
      return;
    }
    const std::array<scmp_arg_cmp, sizeof...(conditions)> all{conditions...};
    const int outcome = ::seccomp_rule_add_array(context_.get(), action, call,
                                                 static_cast<unsigned>(all.size()), all.data());
    if (outcome != 0 && trouble_ == 0) {
      trouble_ = -outcome;
    }
  }

  // 0, or an errno.
  int load() {
    if (trouble_ == 0) {
      trouble_ = -::seccomp_load(context_.get());
    }
    return trouble_;
  }

 private:
  std::unique_ptr<void, void (*)(scmp_filter_ctx)> context_;
  int trouble_ = 0;
};

scmp_arg_cmp equals(unsigned argument, std::uint64_t value) {
  return {argument, SCMP_CMP_EQ, value, 0};
}
scmp_arg_cmp masked(unsigned argument, std::uint64_t mask, std::uint64_t value) {
  return {argument, SCMP_CMP_MASKED_EQ, mask, value};
}

void add_conditional(Filter& filter, bool has_files) {
  // Local sockets lead to every service of the machine: the worker has those that it was sent.
  filter.add(SCMP_ACT_ALLOW, "socket", equals(0, AF_INET));
  filter.add(SCMP_ACT_ALLOW, "socket", equals(0, AF_INET6));
  // No memory from which code could run.
  for (const char* const name : {"mmap", "mmap2", "mprotect"}) {
    filter.add(SCMP_ACT_ALLOW, name, masked(2, PROT_EXEC, 0));
  }
  // "This descriptor" only, as newer C libraries have fstat(2).
  if (!has_files) {
    filter.add(SCMP_ACT_ALLOW, "newfstatat", masked(3, AT_EMPTY_PATH, AT_EMPTY_PATH));
  }
  filter.add(SCMP_ACT_ALLOW, "ioctl", equals(1, static_cast<std::uint64_t>(FIONBIO)));
  filter.add(SCMP_ACT_ALLOW, "ioctl", equals(1, static_cast<std::uint64_t>(FIONREAD)));
  // Threads, no processes. Behind clone3's pointer nothing can be seen: without it the C library
  // takes clone.
  filter.add(SCMP_ACT_ALLOW, "clone", masked(0, CLONE_THREAD, CLONE_THREAD));
  filter.add(SCMP_ACT_ERRNO(ENOSYS), "clone3");
  filter.add(SCMP_ACT_ALLOW, "prctl", equals(0, PR_SET_NAME));
  // To look at a limit, not to set one.
  filter.add(SCMP_ACT_ALLOW, "prlimit64", equals(2, 0));
  for (const int command : kDescriptorCommands) {
    for (const char* const name : {"fcntl", "fcntl64"}) {
      filter.add(SCMP_ACT_ALLOW, name, equals(1, static_cast<std::uint64_t>(command)));
    }
  }
  // abort(3)
  filter.add(SCMP_ACT_ALLOW, "tgkill", equals(0, static_cast<std::uint64_t>(::getpid())));
}

}  // namespace

Result<void> filter_system_calls(bool has_files) {
  struct sigaction action {};
  action.sa_sigaction = refuse;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  ::sigaction(SIGSYS, &action, nullptr);
  Filter filter;
  if (!filter.is_valid()) {
    return Error{"seccomp: cannot be prepared"};
  }
  for (const char* const name : kDeadly) {
    filter.add(SCMP_ACT_KILL_PROCESS, name);
  }
  for (const char* const name : kAllowed) {
    filter.add(SCMP_ACT_ALLOW, name);
  }
  for (const char* const name : kOfFiles) {
    if (has_files) {
      filter.add(SCMP_ACT_ALLOW, name);
    }
  }
  add_conditional(filter, has_files);
  const int trouble = filter.load();
  if (trouble != 0) {
    return Error{"seccomp: " + std::generic_category().message(trouble)};
  }
  return boost::system::in_place_value;
}

std::vector<std::string> take_refused_calls() {
  std::vector<std::string> names;
  for (std::size_t number = 0; number < kMostCalls; ++number) {
    if (told[number] || !refused[number].load(std::memory_order_relaxed)) {
      continue;
    }
    told[number] = true;
    const std::unique_ptr<char, void (*)(void*)> name(
        ::seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, static_cast<int>(number)), &std::free);
    names.push_back(name ? std::string(name.get()) : std::to_string(number));
  }
  return names;
}

}  // namespace smtpguard::service

#else

namespace smtpguard::service {

Result<void> filter_system_calls(bool /*has_files*/) {
  return Error{"seccomp: this program was built without it"};
}

std::vector<std::string> take_refused_calls() {
  return {};
}

}  // namespace smtpguard::service

#endif
