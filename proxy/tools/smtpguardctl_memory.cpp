#include "proxy/tools/smtpguardctl_memory.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "filters/memory/database.hpp"
#include "proxy/service/settings.hpp"
#include "proxy/tools/memory_lines.hpp"

namespace smtpguard::tools {
namespace {

namespace memory = filters::memory;

constexpr std::size_t kBatch = 10'000;

struct Options {
  SharedOptions common;
  std::string store;  // empty: where the daemon keeps it
  std::string lines;  // of import: a file, "-": standard input
};

[[noreturn]] void fail(const std::string& text) {
  fmt::print(stderr, "smtpguardctl: {}\n", text);
  throw CLI::RuntimeError(1);
}

std::string store_of(const Options& options) {
  if (!options.store.empty()) {
    return options.store;
  }
  const std::string usual = std::string(SMTPGUARD_STATE_DIRECTORY) + "/memory.sqlite";
  if (::access(usual.c_str(), F_OK) == 0) {
    return usual;
  }
  const auto loaded = service::load_settings(options.common->configuration_path());
  const std::string& folder = loaded.settings.runtime.memory.folder;
  return folder.empty() ? usual : folder + "/memory.sqlite";
}

void open(memory::Database& database, const std::string& path) {
  // A new file would be ours, and the daemon could not write it.
  if (::access(path.c_str(), F_OK) != 0) {
    fail(path + ": is not there; the daemon makes it when it starts");
  }
  if (const auto failed = database.open(path)) {
    fail(path + ": " + failed->text);
  }
}

void export_all(const Options& options) {
  const std::string path = store_of(options);
  memory::Database database;
  open(database, path);
  auto failed = database.read(memory::Moment{}, [](const memory::Record& record) {
    fmt::print("{}\n", to_line(record));
    return true;
  });
  std::vector<memory::Block> blocks;
  if (!failed) {
    failed = database.read_blocks(blocks);
  }
  for (const memory::Block& block : blocks) {
    fmt::print("{}\n", to_line(block));
  }
  if (failed) {
    fail(path + ": " + failed->text);
  }
}

// As of now, so that a running daemon looks at it, and takes it for newer than its own.
void make_new(memory::Change& change, memory::Moment now) {
  if (change.block) {
    memory::Block block = *change.block;
    block.changed = now;
    change.block = std::make_shared<const memory::Block>(std::move(block));
    return;
  }
  const memory::Moment first = change.record.first_seen;
  change.record.add({}, now);
  change.record.first_seen = first;
}

void import_all(const Options& options) {
  std::ifstream file;
  if (options.lines != "-") {
    file.open(options.lines);
    if (!file) {
      fail(options.lines + ": cannot be read");
    }
  }
  std::istream& in = options.lines == "-" ? std::cin : file;
  const std::string path = store_of(options);
  memory::Database database;
  open(database, path);
  const memory::Moment now = memory::wall_now();
  std::vector<memory::Change> batch;
  std::size_t number = 0;
  const auto write = [&] {
    if (const auto failed = database.write(batch)) {
      fail(fmt::format("{}: {}; {} lines were imported before", path, failed->text,
                       number - batch.size()));
    }
    batch.clear();
  };
  for (std::string line; std::getline(in, line);) {
    if (line.empty()) {
      continue;
    }
    auto change = from_line(line);
    ++number;
    if (!change) {
      fail(fmt::format("{}: line {}: {}; {} lines were imported before", options.lines, number,
                       change.error().text, number - 1 - batch.size()));
    }
    make_new(*change, now);
    batch.push_back(std::move(*change));
    if (batch.size() == kBatch) {
      write();
    }
  }
  write();
  fmt::print("{} imported into {}\n", number, path);
}

}  // namespace

void add_memory_files(CLI::App& memory, const SharedOptions& common) {
  const auto options = std::make_shared<Options>();
  options->common = common;
  CLI::App* const out =
      memory.add_subcommand("export", "all that is remembered, as JSON Lines on standard output");
  out->add_option("--store", options->store, "the file, if it is not the daemon's usual one");
  add_configuration_option(*out, common);
  out->callback([options] { export_all(*options); });
  CLI::App* const in = memory.add_subcommand("import", "take over what was exported");
  in->add_option("file", options->lines, "the lines; \"-\": from standard input")->required();
  in->add_option("--store", options->store, "the file, if it is not the daemon's usual one");
  add_configuration_option(*in, common);
  in->callback([options] { import_all(*options); });
}

}  // namespace smtpguard::tools
