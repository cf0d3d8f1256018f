// Settings — [dns]: whom we ask, for how long, and how much is remembered.
// Owns: values.   Called by: service/settings (reads them), Worker and smtpguardctl (open resolvers
// with them), filters (which ask whose resolver it is).
// Fails: never; read_settings() tells in the report what is wrong, and warns of a name server that
// is not on this machine: what we ask of it can be answered by whoever sees or guesses the
// question.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "conf/base/clock.hpp"
#include "conf/base/ip_address.hpp"
#include "dns/caching_resolver.hpp"
#include "dns/fake_resolver.hpp"

namespace smtpguard::conf {
class Reader;
}

namespace smtpguard::dns {

struct Settings {
  // In order of preference; those of /etc/resolv.conf if none are configured. Never empty when
  // read.
  std::vector<Endpoint> servers;
  // How long one question may take.
  Milliseconds budget{3000};
  CacheSettings cache;
  // Tests and the try-out: these answers are given, and nobody is asked.
  std::optional<FakeAnswers> answers;
};

Settings read_settings(conf::Reader section);
// Its servers alone, for who wants to know whom we ask; says nothing that read_settings() does not.
std::vector<Endpoint> read_servers(conf::Reader& section);

// "Cloudflare": the address is a resolver for the whole world. Lists such as Spamhaus' do not
// answer those, or answer an error code. Empty: not known as one.
std::string_view public_operator(const IpAddress& server);

}  // namespace smtpguard::dns
