#include "conf/file_source.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "conf/base/escape.hpp"
#include "conf/file.hpp"

namespace smtpguard::conf {
namespace {

constexpr std::string_view kMagic = "smtpguard files 1\n";

enum class Kind : char { Text = 'T', Trouble = 'E', Lacking = 'L', Present = 'P' };

// A record: the kind, then the lengths of two texts in 8 octets each, then the texts.
void append(std::string& out, Kind kind, std::string_view name, std::string_view content) {
  out += static_cast<char>(kind);
  for (const std::size_t size : {name.size(), content.size()}) {
    for (int shift = 56; shift >= 0; shift -= 8) {
      out += static_cast<char>(static_cast<std::uint64_t>(size) >> shift & 0xffU);
    }
  }
  out += name;
  out += content;
}

class Cursor {
 public:
  explicit Cursor(std::string_view rest) : rest_(rest) {}

  bool is_at_end() const { return rest_.empty(); }
  std::optional<std::string_view> take(std::uint64_t size) {
    if (size > rest_.size()) {
      return std::nullopt;
    }
    const auto taken = rest_.substr(0, static_cast<std::size_t>(size));
    rest_.remove_prefix(taken.size());
    return taken;
  }
  std::optional<std::uint64_t> take_size() {
    const auto octets = take(8);
    if (!octets) {
      return std::nullopt;
    }
    std::uint64_t size = 0;
    for (const char octet : *octets) {
      size = size << 8U | static_cast<unsigned char>(octet);
    }
    return size;
  }

 private:
  std::string_view rest_;
};

struct Record {
  Kind kind = Kind::Text;
  std::string_view name;
  std::string_view content;
};

std::optional<Record> take_record(Cursor& cursor) {
  const auto kind = cursor.take(1);
  const auto name_size = cursor.take_size();
  const auto content_size = cursor.take_size();
  if (!kind || !name_size || !content_size) {
    return std::nullopt;
  }
  const auto name = cursor.take(*name_size);
  const auto content = cursor.take(*content_size);
  if (!name || !content) {
    return std::nullopt;
  }
  return Record{static_cast<Kind>(kind->front()), *name, *content};
}

}  // namespace

Result<std::string> RealFiles::read(const std::string& path, ByteCount limit) {
  return read_file(path, limit);
}

bool RealFiles::lacks_folder(const std::string& path) {
  std::error_code trouble;
  return std::filesystem::status(path, trouble).type() == std::filesystem::file_type::not_found;
}

Result<std::string> FileBundle::read(const std::string& path, ByteCount limit) {
  const auto known = files_.find(path);
  if (known != files_.end()) {
    return known->second;
  }
  if (source_ == nullptr) {
    return Error{escape(path) + ": is not among the files that were handed over"};
  }
  return files_.emplace(path, source_->read(path, limit)).first->second;
}

bool FileBundle::lacks_folder(const std::string& path) {
  const auto known = lacking_.find(path);
  if (known != lacking_.end()) {
    return known->second;
  }
  const bool lacks = source_ != nullptr && source_->lacks_folder(path);
  lacking_.emplace(path, lacks);
  return lacks;
}

std::string FileBundle::to_bytes() const {
  std::string out(kMagic);
  for (const auto& [path, content] : files_) {
    if (content) {
      append(out, Kind::Text, path, *content);
    } else {
      append(out, Kind::Trouble, path, content.error().text);
    }
  }
  for (const auto& [path, lacks] : lacking_) {
    append(out, lacks ? Kind::Lacking : Kind::Present, path, {});
  }
  return out;
}

Result<FileBundle> FileBundle::from_bytes(std::string_view bytes) {
  const Error bad{"not a bundle of files"};
  if (!bytes.starts_with(kMagic)) {
    return bad;
  }
  Cursor cursor(bytes.substr(kMagic.size()));
  FileBundle bundle;
  while (!cursor.is_at_end()) {
    const auto record = take_record(cursor);
    if (!record) {
      return bad;
    }
    const std::string name(record->name);
    switch (record->kind) {
      case Kind::Text:
        bundle.files_.emplace(name,
                              Result<std::string>(boost::system::in_place_value, record->content));
        break;
      case Kind::Trouble:
        bundle.files_.emplace(name, Error{std::string(record->content)});
        break;
      case Kind::Lacking:
      case Kind::Present:
        bundle.lacking_.emplace(name, record->kind == Kind::Lacking);
        break;
      default:
        return bad;
    }
  }
  return bundle;
}

}  // namespace smtpguard::conf
