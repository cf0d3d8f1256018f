// Descriptor — a file or socket descriptor that is closed when nobody wants it any more.
// Owns: the descriptor; -1 is none.   Called by: every room that opens one.
// Fails: never; what open(2) or socket(2) gave goes in unchecked, and is_valid() tells.
#pragma once

#include <unistd.h>

#include <utility>

namespace smtpguard {

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    if (this != &other) {
      close();
      number_ = other.release();
    }
    return *this;
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { close(); }

  bool is_valid() const { return number_ >= 0; }
  int get() const { return number_; }
  int release() { return std::exchange(number_, -1); }
  void close() {
    if (number_ >= 0) {
      ::close(release());
    }
  }

 private:
  int number_ = -1;
};

}  // namespace smtpguard
