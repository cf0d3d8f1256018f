#include "proxy/service/landlock.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <string>
#include <system_error>

#include "conf/base/descriptor.hpp"

namespace smtpguard::service {
namespace {

// The numbers are the same on all architectures. The structure is ours, since the headers of a
// stable system are older than the kernels that it may run on.
constexpr long kCreateRuleset = 444;
constexpr long kAddRule = 445;
constexpr long kRestrictSelf = 446;
constexpr std::uint32_t kAskVersion = 1;

struct RulesetAttributes {
  std::uint64_t files;
  std::uint64_t net;
  std::uint64_t scopes;
};

constexpr std::uint64_t kBindTcp = 1;
constexpr std::uint64_t kAbstractSockets = 1;
constexpr std::uint64_t kSignals = 2;

// Rights on files, as many as each version knows: 13, rename and link across folders, truncate,
// ioctl on devices.
std::uint64_t all_file_rights(int version) {
  unsigned rights = 13;
  rights += version >= 2 ? 1 : 0;
  rights += version >= 3 ? 1 : 0;
  rights += version >= 5 ? 1 : 0;
  return (std::uint64_t{1} << rights) - 1;
}

Error trouble() {
  return Error{"Landlock: " + std::generic_category().message(errno)};
}

// What a database does with its files.
constexpr std::uint64_t kWriteFile = 1U << 1U;
constexpr std::uint64_t kReadFile = 1U << 2U;
constexpr std::uint64_t kReadFolder = 1U << 3U;
constexpr std::uint64_t kRemoveFile = 1U << 5U;
constexpr std::uint64_t kMakeFile = 1U << 8U;
constexpr std::uint64_t kTruncate = 1U << 14U;
constexpr int kPathBeneath = 1;

struct __attribute__((packed)) PathBeneath {
  std::uint64_t files;
  std::int32_t folder;
};

bool open_folder(const Descriptor& ruleset, const std::string& folder, std::uint64_t known) {
  const Descriptor opened(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  const PathBeneath rule{
      known & (kWriteFile | kReadFile | kReadFolder | kRemoveFile | kMakeFile | kTruncate),
      opened.get()};
  return opened.is_valid() && ::syscall(kAddRule, ruleset.get(), kPathBeneath, &rule, 0) == 0;
}

}  // namespace

Result<int> restrict_by_landlock(const std::string& folder) {
  const long version = ::syscall(kCreateRuleset, nullptr, 0, kAskVersion);
  if (version < 1) {
    return trouble();
  }
  RulesetAttributes all{};
  all.files = all_file_rights(static_cast<int>(version));
  all.net = version >= 4 ? kBindTcp : 0;
  all.scopes = version >= 6 ? kAbstractSockets | kSignals : 0;
  std::size_t size = sizeof all.files;
  size += version >= 4 ? sizeof all.net : 0;
  size += version >= 6 ? sizeof all.scopes : 0;
  const Descriptor ruleset(static_cast<int>(::syscall(kCreateRuleset, &all, size, 0)));
  if (!ruleset.is_valid() || (!folder.empty() && !open_folder(ruleset, folder, all.files))) {
    return trouble();
  }
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      ::syscall(kRestrictSelf, ruleset.get(), 0) != 0) {
    return trouble();
  }
  return static_cast<int>(version);
}

}  // namespace smtpguard::service
