#include "proxy/net/tls_certificate.hpp"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <utility>

#include "conf/base/text.hpp"
#include "proxy/net/tls_memory.hpp"

namespace smtpguard::net {

namespace {

struct FreeNames {
  void operator()(GENERAL_NAMES* names) const noexcept { GENERAL_NAMES_free(names); }
};

// Nobody is asked for a pass phrase: a daemon has no terminal.
int refuse_pass_phrase(char* /*buffer*/, int /*size*/, int /*purpose*/, void* was_asked) {
  *static_cast<bool*>(was_asked) = true;
  return -1;
}

std::string text_of(const ASN1_STRING* string) {
  const auto* const bytes = reinterpret_cast<const char*>(ASN1_STRING_get0_data(string));
  return {bytes, static_cast<std::size_t>(ASN1_STRING_length(string))};
}

std::vector<std::string> alternative_names(X509* certificate) {
  std::vector<std::string> out;
  const std::unique_ptr<GENERAL_NAMES, FreeNames> names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == GEN_DNS) {
      out.push_back(to_lower(text_of(name->d.dNSName)));
    }
  }
  return out;
}

std::time_t seconds_of(const ASN1_TIME* time) {
  std::tm parts{};
  return ASN1_TIME_to_tm(time, &parts) == 1 ? ::timegm(&parts) : 0;
}

}  // namespace

void TlsFree::operator()(x509_st* certificate) const noexcept {
  X509_free(certificate);
}

void TlsFree::operator()(evp_pkey_st* key) const noexcept {
  EVP_PKEY_free(key);
}

Result<TlsKey> TlsKey::parse(std::string_view pem) {
  const BioPointer bio = read_from(pem);
  bool wants_pass_phrase = false;
  KeyPointer key(
      PEM_read_bio_PrivateKey(bio.get(), nullptr, refuse_pass_phrase, &wants_pass_phrase));
  ERR_clear_error();
  if (!key) {
    return Error{wants_pass_phrase ? "is protected by a pass phrase; a daemon can be told none"
                                   : "holds no private key (PEM)"};
  }
  return TlsKey(std::move(key));
}

Result<TlsCertificate> TlsCertificate::parse(std::string_view pem) {
  std::vector<X509Pointer> chain = read_certificates(pem);
  if (chain.empty()) {
    return Error{"holds no certificate (PEM)"};
  }
  return TlsCertificate(std::move(chain));
}

bool TlsCertificate::fits(const TlsKey& key) const {
  const bool fits = X509_check_private_key(get(), key.get()) == 1;
  ERR_clear_error();
  return fits;
}

int TlsCertificate::kind() const {
  return EVP_PKEY_base_id(X509_get0_pubkey(get()));
}

std::vector<std::string> TlsCertificate::names() const {
  std::vector<std::string> out = alternative_names(get());
  if (out.empty()) {
    X509_NAME* subject = X509_get_subject_name(get());
    const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (at >= 0) {
      out.push_back(to_lower(text_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)))));
    }
  }
  return out;
}

std::time_t TlsCertificate::not_before() const {
  return seconds_of(X509_get0_notBefore(get()));
}

std::time_t TlsCertificate::not_after() const {
  return seconds_of(X509_get0_notAfter(get()));
}

}  // namespace smtpguard::net
