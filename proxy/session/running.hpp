// Running — a flag that is true as long as this lives, and Counted — the same for a number.
// Owns: nothing; flag and number outlive them.   Called by: coroutines and handlers, which hold one
// so that it is true however they end.   Fails: never.
#pragma once

#include <atomic>
#include <cstddef>
#include <utility>

namespace smtpguard::session {

class Running {
 public:
  explicit Running(bool& flag) : flag_(&flag) { *flag_ = true; }
  Running(Running&& other) noexcept : flag_(std::exchange(other.flag_, nullptr)) {}
  Running& operator=(Running&&) = delete;
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running() {
    if (flag_ != nullptr) {
      *flag_ = false;
    }
  }

 private:
  bool* flag_;
};

class Counted {
 public:
  explicit Counted(std::atomic<std::size_t>& number) : number_(&number) { ++*number_; }
  Counted(Counted&& other) noexcept : number_(std::exchange(other.number_, nullptr)) {}
  Counted& operator=(Counted&&) = delete;
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  ~Counted() {
    if (number_ != nullptr) {
      --*number_;
    }
  }

 private:
  std::atomic<std::size_t>* number_;
};

}  // namespace smtpguard::session
