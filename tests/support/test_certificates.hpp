// TestCertificates — keys and certificates made when a test runs: none is kept in the tree.
// Owns: nothing.   Called by: tests of TLS.   Fails: throws.
#pragma once

#include <string>
#include <vector>

namespace smtpguard::test {

enum class KeyKind { Rsa, Ecdsa };

struct TestCertificate {
  std::string certificate;  // PEM
  std::string key;          // PEM
};

struct CertificateWish {
  KeyKind kind = KeyKind::Ecdsa;
  std::vector<std::string> names;  // DNS names; the first is the common name as well
  int days = 90;                   // until it expires; below 0: it has expired
};

// Signed by itself.
TestCertificate make_certificate(const CertificateWish& wish);
// The key in the old form that is protected by a pass phrase.
std::string protect(const std::string& key);

}  // namespace smtpguard::test
