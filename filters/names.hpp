// Names — what can be seen in a host name alone: whose it is, whether a provider made it up for
// an address, and what it says of the machine. Owns: nothing.   Called by: helo, rdns, network.
// Fails: never; pure functions. Names come from strangers. They are compared label by label and
// without regard to case, and words count only left of the organisational domain: broadband.example
// is a company, not a line.
#pragma once

#include <string>
#include <string_view>

#include "conf/base/ip_address.hpp"

namespace smtpguard::filters {

// "example.org." is "example.org".
std::string_view without_root_dot(std::string_view name);
// "mail.example.org" is at or below "example.org"; "badexample.org" is not.
bool is_at_or_below(std::string_view name, std::string_view domain);
// Both belong to one organisation: mail.example.co.uk and example.co.uk do, a.co.uk and b.co.uk do
// not.
bool is_same_organisation(std::string_view a, std::string_view b);

// What shows that the name was made up for the address or for any line of a kind: "192.0.2.9",
// "dsl"; empty: nothing. A word shows it only beside a number, for lines are counted. Whoever calls
// the host mail, mx, smtp or static has taken care of it.
std::string generic_sign(std::string_view name, const IpAddress& address);

// "mail.example.org", "mx1-out.example.org": meant to be a mail server.
bool is_called_mail_server(std::string_view name);

// "top" of "x.top": a top-level domain known for abuse more than for use; empty: it is none.
std::string_view abused_domain(std::string_view name);

// A label that is a hexadecimal number, "0a1b2c3d"; empty: there is none.
std::string hex_label(std::string_view name);
// An organisation's label that nobody could say, "hgbswx" of mail.hgbswx.example; empty: it is not.
std::string unspeakable_label(std::string_view name);

}  // namespace smtpguard::filters
