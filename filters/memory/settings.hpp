// Settings of the memory: how much is remembered, and for how long.
// Owns: values; every default is safe in production.   Called by: service/settings (reads them),
// Memory.   Fails: never; read_settings() tells what is wrong in the report.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace smtpguard::conf {
class Reader;
}

namespace smtpguard::filters::memory {

using namespace std::chrono_literals;

// [greylist]
struct GreylistSettings {
  std::chrono::seconds wait = 3min;   // who comes back sooner is deferred once more
  std::chrono::seconds window = 24h;  // and who comes back later begins anew

  bool operator==(const GreylistSettings&) const = default;
};

// [blocks]: what strangers are turned away for without being asked for.
struct BlockSettings {
  bool is_automatic = true;
  std::uint32_t harvest = 30;      // unknown recipients, lately
  std::uint32_t faults = 20;       // sessions with early talk or without SMTP, lately
  std::chrono::seconds time = 1h;  // the first time; each further one four times as long
  std::chrono::seconds longest = 168h;

  bool operator==(const BlockSettings&) const = default;
};

// [memory]
struct Settings {
  bool is_enabled = true;
  // Where the store is when the worker has no root directory of its own; empty: then there is none.
  std::string folder;
  std::uint32_t entries = 500'000;              // 60 MB when full
  std::chrono::seconds pass = 720h;             // what a good client has shown holds for so long
  std::chrono::seconds keep = 720h;             // who is not seen for so long is forgotten
  std::chrono::seconds correspondents = 9600h;  // 400 days: who writes once a year is known
  GreylistSettings greylist;
  BlockSettings blocks;

  bool operator==(const Settings&) const = default;
};

// [memory], [greylist], [blocks].
Settings read_settings(conf::Reader& root);

}  // namespace smtpguard::filters::memory
