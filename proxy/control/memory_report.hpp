// MemoryReport — what is remembered of some client, or of all of them in figures; for people and
// for programs. Owns: values.   Called by: service (fills it), ControlServer (renders it). Fails:
// never. Keys are addresses and host names, so nothing of it needs to be escaped.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "filters/memory/block.hpp"
#include "filters/memory/record.hpp"
#include "filters/memory/remembered.hpp"
#include "proxy/control/protocol.hpp"

namespace smtpguard::control {

// What a session would know of its client, and of its sender.
struct Recollection {
  filters::memory::Remembered client;
  std::optional<filters::memory::Correspondent> sender;
  std::string block;  // why it is turned away; empty: it is not
};

struct MemoryReport {
  std::string done;  // what was changed, in words; empty: nothing was
  filters::memory::Moment now{};
  std::vector<filters::memory::Record> records;  // of the client that was asked for
  bool is_list = false;                          // they are all of a kind: a line each
  std::chrono::seconds greylist_wait{0};
  std::optional<std::vector<filters::memory::Block>> blocks;  // they were asked for
  std::optional<Recollection> recollection;                   // it was asked for
  bool has_figures = false;
  std::uint64_t entries = 0;
  std::uint64_t most = 0;
  std::uint64_t octets = 0;
  std::string store;          // "none", "works", "in trouble"
  std::uint64_t waiting = 0;  // changes that are not written yet
};

std::string render(const MemoryReport& report, Form form);

}  // namespace smtpguard::control
