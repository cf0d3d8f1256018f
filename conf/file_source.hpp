// FileSource — the files that a configuration names, wherever they come from: RealFiles opens them,
// FileBundle holds what was read before.
// Owns: RealFiles nothing, FileBundle the content of every file that was asked for.
// Called by: Document and Reader, so that whatever a room reads through them works in a process
// that can open nothing: the supervisor records a bundle, the worker reads the same answers.
// Fails: read() with an Error "path: why"; a bundle repeats the answer that was recorded, good or
// not, and knows no other file. from_bytes() refuses what to_bytes() did not write.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "conf/base/result.hpp"
#include "conf/base/text.hpp"

namespace smtpguard::conf {

class FileSource {
 public:
  FileSource() = default;
  FileSource(const FileSource&) = delete;
  FileSource& operator=(const FileSource&) = delete;
  virtual ~FileSource() = default;
  virtual Result<std::string> read(const std::string& path, ByteCount limit) = 0;
  // Whether the folder is surely not there; one that may not be looked at may be there.
  virtual bool lacks_folder(const std::string& path) = 0;

 protected:
  FileSource(FileSource&&) = default;
  FileSource& operator=(FileSource&&) = default;
};

class RealFiles final : public FileSource {
 public:
  Result<std::string> read(const std::string& path, ByteCount limit) override;
  bool lacks_folder(const std::string& path) override;
};

class FileBundle final : public FileSource {
 public:
  // A record of what `source` answers, each file read once. The source outlives the reading.
  explicit FileBundle(FileSource& source) : source_(&source) {}

  Result<std::string> read(const std::string& path, ByteCount limit) override;
  bool lacks_folder(const std::string& path) override;

  std::string to_bytes() const;
  static Result<FileBundle> from_bytes(std::string_view bytes);

 private:
  FileBundle() = default;

  FileSource* source_ = nullptr;  // null: what is recorded is all there is
  std::map<std::string, Result<std::string>> files_;
  std::map<std::string, bool> lacking_;
};

}  // namespace smtpguard::conf
