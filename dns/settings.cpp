#include "dns/settings.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "conf/base/cidr.hpp"
#include "conf/base/escape.hpp"
#include "conf/reader.hpp"
#include "dns/resolv_conf.hpp"

namespace smtpguard::dns {
namespace {

using namespace std::chrono_literals;

constexpr std::uint16_t kPort = 53;
constexpr ByteCount kFileLimit{4'000'000};
// More of them would only be asked when the budget of a question is long used up.
constexpr std::size_t kMostServers = 6;

struct PublicResolver {
  std::string_view network;
  std::string_view name;
};

// As their operators publish them (November 2026). Spamhaus names Cloudflare, Quad9, OVHcloud,
// Vultr and Hetzner among those that it does not answer.
constexpr std::array<PublicResolver, 28> kPublic{{
    {"1.1.1.0/24", "Cloudflare"},
    {"1.0.0.0/24", "Cloudflare"},
    {"2606:4700:4700::/48", "Cloudflare"},
    {"8.8.8.8", "Google"},
    {"8.8.4.4", "Google"},
    {"2001:4860:4860::/48", "Google"},
    {"9.9.9.0/24", "Quad9"},
    {"149.112.112.0/24", "Quad9"},
    {"2620:fe::/48", "Quad9"},
    {"208.67.222.0/24", "OpenDNS"},
    {"208.67.220.0/24", "OpenDNS"},
    {"2620:119:35::/48", "OpenDNS"},
    {"2620:119:53::/48", "OpenDNS"},
    {"4.2.2.0/29", "Level 3"},
    {"209.244.0.3", "Level 3"},
    {"209.244.0.4", "Level 3"},
    {"64.6.64.6", "UltraDNS"},
    {"64.6.65.6", "UltraDNS"},
    {"94.140.14.0/24", "AdGuard"},
    {"94.140.15.0/24", "AdGuard"},
    {"77.88.8.0/24", "Yandex"},
    {"185.12.64.1", "Hetzner"},
    {"185.12.64.2", "Hetzner"},
    {"2a01:4ff:ff00::/48", "Hetzner"},
    {"213.186.33.99", "OVHcloud"},
    {"108.61.10.10", "Vultr"},
    {"185.222.222.222", "DNS.SB"},
    {"84.200.69.80", "DNS.WATCH"},
}};

std::optional<Endpoint> parse_server(std::string_view text) {
  if (const auto address = IpAddress::parse(text)) {
    return Endpoint{*address, kPort};
  }
  const auto endpoint = Endpoint::parse(text);
  return endpoint && endpoint->port != 0 ? endpoint : std::nullopt;
}

std::vector<Endpoint> servers_of_this_machine(conf::Reader& section) {
  // A file that cannot be read is an empty one, as for libc.
  const auto text = section.content_of("/etc/resolv.conf", kFileLimit);
  return parse_resolv_conf(text ? std::string_view(*text) : std::string_view());
}

void warn_of_the_way_to(const Endpoint& server, conf::Place place, conf::Reader& section) {
  if (!server.address.is_loopback()) {
    section.warning("servers", place,
                    server.address.to_string() +
                        " is not on this machine: answers on the way can be forged (all questions "
                        "leave from one port); better is a resolver here, such as unbound on "
                        "127.0.0.1");
  }
}

void read_answers(conf::Reader& section, Settings& settings) {
  std::string path;
  if (!section.file_path("answers", path) || path.empty()) {
    return;
  }
  const auto text = section.content_of(path, kFileLimit);
  if (!text) {
    section.error("answers", text.error().text);
    return;
  }
  auto answers = FakeAnswers::parse(*text);
  if (!answers) {
    section.error("answers", escape(path) + ": " + answers.error().text);
    return;
  }
  section.warning("answers",
                  "answers come from " + escape(path) + ", the DNS is not asked: for tests only");
  settings.answers = std::move(*answers);
}

}  // namespace

std::vector<Endpoint> read_servers(conf::Reader& section) {
  std::vector<Endpoint> servers;
  for (const auto& entry : section.strings("servers")) {
    const auto server = parse_server(entry.value);
    if (!server) {
      section.refuse("servers", entry,
                     "addresses of name servers such as \"127.0.0.1\", \"[::1]:5353\"");
      continue;
    }
    if (servers.size() == kMostServers) {
      section.error("servers", entry.place,
                    "more than " + std::to_string(kMostServers) + ": the rest is never asked");
      break;
    }
    warn_of_the_way_to(*server, entry.place, section);
    servers.push_back(*server);
  }
  if (!servers.empty()) {
    return servers;
  }
  servers = servers_of_this_machine(section);
  std::string text;
  for (const Endpoint& server : servers) {
    text += (text.empty() ? "\"" : ", \"") + server.to_string() + '"';
  }
  section.note("servers", '[' + text + ']', '[' + text + ']');
  return servers;
}

Settings read_settings(conf::Reader section) {
  Settings settings;
  settings.servers = read_servers(section);
  section.duration("budget", settings.budget, {100ms, 30s});
  section.integer("cache_entries", settings.cache.most_entries,
                  conf::Range<std::size_t>{100, 10'000'000});
  read_answers(section, settings);
  return settings;
}

std::string_view public_operator(const IpAddress& server) {
  static const auto networks = [] {
    std::array<Cidr, kPublic.size()> parsed;
    std::transform(kPublic.begin(), kPublic.end(), parsed.begin(),
                   [](const PublicResolver& known) { return Cidr::parse(known.network).value(); });
    return parsed;
  }();
  const auto* const found =
      std::find_if(networks.begin(), networks.end(),
                   [&](const Cidr& network) { return network.contains(server); });
  return found == networks.end()
             ? std::string_view()
             : kPublic.at(static_cast<std::size_t>(found - networks.begin())).name;
}

}  // namespace smtpguard::dns
