// Tls memory — reading PEM from memory, and OpenSSL's errors in words.
// Owns: nothing.   Called by: tls_certificate, tls_context, tls_stream.
// Fails: what is no certificate is left out.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/net/tls_certificate.hpp"

struct bio_st;

namespace smtpguard::net {

struct BioFree {
  void operator()(bio_st* bio) const noexcept;
};
using BioPointer = std::unique_ptr<bio_st, BioFree>;

// `text` outlives it.
BioPointer read_from(std::string_view text);
// All certificates of the text, in order.
std::vector<X509Pointer> read_certificates(std::string_view pem);
// The first error of this thread in words: "wrong version number"; clears the others.
std::string take_error();

}  // namespace smtpguard::net
