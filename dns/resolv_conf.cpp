#include "dns/resolv_conf.hpp"

#include <fstream>
#include <iterator>

#include "conf/base/text.hpp"

namespace smtpguard::dns {
namespace {

constexpr std::uint16_t kPort = 53;
constexpr std::size_t kMostServers = 3;

std::string_view next_line(std::string_view& text) {
  const auto end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

}  // namespace

std::vector<Endpoint> parse_resolv_conf(std::string_view text) {
  constexpr std::string_view kKeyword = "nameserver";
  constexpr std::string_view kBlanks = " \t\r";
  std::vector<Endpoint> servers;
  while (!text.empty() && servers.size() < kMostServers) {
    std::string_view line = next_line(text);
    if (!line.starts_with(kKeyword)) {
      continue;
    }
    line.remove_prefix(kKeyword.size());
    const auto begin = line.find_first_not_of(kBlanks);
    if (begin == 0 || begin == std::string_view::npos) {
      continue;
    }
    line.remove_prefix(begin);
    if (const auto address = IpAddress::parse(line.substr(0, line.find_first_of(kBlanks)))) {
      servers.push_back({*address, kPort});
    }
  }
  if (servers.empty()) {
    servers.push_back({IpAddress::v4({127, 0, 0, 1}), kPort});
  }
  return servers;
}

std::vector<Endpoint> read_resolv_conf(const std::string& path) {
  std::ifstream in(path);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  return parse_resolv_conf(text);
}

}  // namespace smtpguard::dns
