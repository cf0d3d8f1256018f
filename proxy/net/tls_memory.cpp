#include "proxy/net/tls_memory.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "conf/base/text.hpp"

namespace smtpguard::net {

void BioFree::operator()(bio_st* bio) const noexcept {
  BIO_free(bio);
}

BioPointer read_from(std::string_view text) {
  return BioPointer(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::vector<X509Pointer> read_certificates(std::string_view pem) {
  std::vector<X509Pointer> out;
  const BioPointer bio = read_from(pem);
  while (true) {
    X509Pointer certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    if (!certificate) {
      break;
    }
    out.push_back(std::move(certificate));
  }
  ERR_clear_error();
  return out;
}

std::string take_error() {
  const unsigned long first = ERR_get_error();
  ERR_clear_error();
  const char* const words = first == 0 ? nullptr : ERR_reason_error_string(first);
  return words == nullptr ? "unknown error" : to_lower(words);
}

}  // namespace smtpguard::net
