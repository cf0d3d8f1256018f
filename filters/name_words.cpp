#include "filters/name_words.hpp"

#include <array>

namespace smtpguard::filters {
namespace {

// Families named by rspamd's hfilter, SpamAssassin's RDNS_DYNAMIC and enemieslist.com, and seen in
// the reverse names of access providers, 2002 to 2026.
constexpr auto kLine = std::to_array<std::string_view>(
    {"adsl",   "broad",    "broadband", "bband", "bbcust", "cable",    "cablemodem",  "catv",
     "cdma",   "client",   "clients",   "cpe",   "cust",   "customer", "customers",   "dhcp",
     "dial",   "dialin",   "dialup",    "dip",   "docsis", "dsl",      "dyn",         "dynamic",
     "dynip",  "fbx",      "fbxo",      "fiber", "fibre",  "ftth",     "fttx",        "generic",
     "gprs",   "homeuser", "hsd",       "isdn",  "kabel",  "lte",      "mobile",      "modem",
     "pool",   "pools",    "ppp",       "pppoe", "pptp",   "res",      "residential", "revip",
     "speedy", "umts",     "user",      "users", "vdsl",   "wifi",     "wimax",       "wireless",
     "xdsl"});

// Whoever gave such a name meant the machine to serve (Haraka's karma spares `static` and
// `business`, rspamd `mail`).
constexpr auto kCareWords = std::to_array<std::string_view>(
    {"business", "mx", "mxout", "out", "outbound", "relay", "static"});
constexpr auto kCareParts = std::to_array<std::string_view>({"mail", "mta", "smtp"});

// What mail servers are called in the MX and Received lines of public mailing lists.
constexpr auto kMailWords =
    std::to_array<std::string_view>({"mbx", "mg", "mgw", "mout", "out", "outbound", "outgoing"});
constexpr auto kMailParts = std::to_array<std::string_view>(
    {"exch", "gate", "mail", "mta", "mx", "post", "relay", "send", "smtp"});

// Named more than once among the most abused by Spamhaus (monthly, 2015 to 2024), or by
// SpamAssassin's list of suspicious new domains (SUSP_NTLD); the free ones of Freenom; read
// 2026-11. Domains with much honest use (biz, cc, info, pro, pw's and country codes' like) are not
// here, or would hurt more than they catch.
constexpr auto kAbused = std::to_array<std::string_view>(
    {"accountant", "bid",     "bond",    "buzz",   "cam",  "casa",    "cf",       "cfd",   "click",
     "club",       "country", "cricket", "cyou",   "date", "diet",    "download", "faith", "fit",
     "fun",        "ga",      "gdn",     "gq",     "guru", "icu",     "life",     "link",  "live",
     "loan",       "lol",     "men",     "ml",     "mom",  "monster", "online",   "party", "press",
     "quest",      "racing",  "rest",    "review", "sbs",  "science", "shop",     "site",  "space",
     "stream",     "surf",    "tk",      "tokyo",  "top",  "trade",   "uno",      "wang",  "webcam",
     "website",    "win",     "work",    "world",  "xin",  "xyz"});

}  // namespace

std::span<const std::string_view> line_words() {
  return kLine;
}
std::span<const std::string_view> care_words() {
  return kCareWords;
}
std::span<const std::string_view> care_parts() {
  return kCareParts;
}
std::span<const std::string_view> mail_words() {
  return kMailWords;
}
std::span<const std::string_view> mail_parts() {
  return kMailParts;
}
std::span<const std::string_view> abused_domains() {
  return kAbused;
}

}  // namespace smtpguard::filters
