// TlsCertificate, TlsKey — a certificate with its chain, and a private key, both from PEM text.
// Owns: OpenSSL's objects.   Called by: settings (read and checked there), TlsContext.
// Fails: parse() with an Error in words; nothing here opens a file: the process that reads a
// reloaded configuration can open none.
#pragma once

#include <cstddef>
#include <ctime>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "conf/base/result.hpp"

struct x509_st;
struct evp_pkey_st;

namespace smtpguard::net {

struct TlsFree {
  void operator()(x509_st* certificate) const noexcept;
  void operator()(evp_pkey_st* key) const noexcept;
};
using X509Pointer = std::unique_ptr<x509_st, TlsFree>;
using KeyPointer = std::unique_ptr<evp_pkey_st, TlsFree>;

class TlsKey {
 public:
  // The first private key of the text: "holds no private key", "is protected by a pass phrase".
  static Result<TlsKey> parse(std::string_view pem);

  evp_pkey_st* get() const { return key_.get(); }

 private:
  explicit TlsKey(KeyPointer key) : key_(std::move(key)) {}
  KeyPointer key_;
};

class TlsCertificate {
 public:
  // The first certificate of the text; those behind it are its chain. "holds no certificate".
  static Result<TlsCertificate> parse(std::string_view pem);

  bool fits(const TlsKey& key) const;
  // OpenSSL's number for the kind of its key: of each kind, a server can show one.
  int kind() const;
  // What it is for: DNS names in lower case, "*.example.org" among them; without any, its common
  // name.
  std::vector<std::string> names() const;
  std::time_t not_before() const;
  std::time_t not_after() const;

  x509_st* get() const { return chain_.front().get(); }
  const std::vector<X509Pointer>& chain() const { return chain_; }

 private:
  explicit TlsCertificate(std::vector<X509Pointer> chain) : chain_(std::move(chain)) {}
  std::vector<X509Pointer> chain_;  // the certificate itself first
};

}  // namespace smtpguard::net
