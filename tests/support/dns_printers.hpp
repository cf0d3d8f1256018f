// DnsPrinters — what GoogleTest writes when values of dns/ differ.
// Called by: tests of dns/, by including it.
#pragma once

#include <gtest/gtest.h>

#include <ostream>

#include "dns/answer.hpp"
#include "dns/caching_resolver.hpp"
#include "dns/fake_resolver.hpp"
#include "dns/question.hpp"
#include "dns/reverse_name.hpp"

namespace smtpguard::dns {

inline void PrintTo(const Question& question, std::ostream* out) {
  *out << to_string(question);
}
inline void PrintTo(Outcome outcome, std::ostream* out) {
  *out << to_string(outcome);
}
inline void PrintTo(const Answer& answer, std::ostream* out) {
  *out << to_string(answer);
}
inline void PrintTo(const ReverseIdentity& identity, std::ostream* out) {
  *out << to_string(identity.confirmation) << ' ' << identity.name;
}
inline void PrintTo(const CacheCounts& counts, std::ostream* out) {
  *out << "hits=" << counts.hits << " misses=" << counts.misses << " joined=" << counts.joined
       << " evicted=" << counts.evicted;
}

}  // namespace smtpguard::dns
