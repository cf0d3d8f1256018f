// Public suffixes — where a host name is divided between its organisation and the registry.
// Owns: nothing; the list is compiled into libpsl.   Called by: names.   Fails: never; a name that
// is itself a suffix, or has no dot, has no organisation. The only code with libpsl.
#pragma once

#include <cstdint>
#include <string_view>

namespace smtpguard::filters {

enum class Suffixes : std::uint8_t {
  Registries,  // com, co.uk: what stands above a whole company, hosting company or not
  All,         // also compute.amazonaws.com, blogspot.com: below them live strangers to each other
};

// "example.co.uk" of "mail.example.co.uk", as a part of `name`; empty: there is none.
std::string_view organisational_domain(std::string_view name, Suffixes suffixes);

}  // namespace smtpguard::filters
