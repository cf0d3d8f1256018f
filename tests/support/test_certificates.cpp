#include "tests/support/test_certificates.hpp"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <stdexcept>

namespace smtpguard::test {

namespace {

struct Free {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(EVP_PKEY_CTX* context) const { EVP_PKEY_CTX_free(context); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(X509_EXTENSION* extension) const { X509_EXTENSION_free(extension); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;

void check(bool is_good) {
  if (!is_good) {
    throw std::runtime_error("a test certificate could not be made");
  }
}

Owned<EVP_PKEY> make_key(KeyKind kind) {
  const Owned<EVP_PKEY_CTX> context(
      EVP_PKEY_CTX_new_id(kind == KeyKind::Rsa ? EVP_PKEY_RSA : EVP_PKEY_EC, nullptr));
  check(EVP_PKEY_keygen_init(context.get()) == 1);
  if (kind == KeyKind::Rsa) {
    check(EVP_PKEY_CTX_set_rsa_keygen_bits(context.get(), 2048) == 1);
  } else {
    check(EVP_PKEY_CTX_set_ec_paramgen_curve_nid(context.get(), NID_X9_62_prime256v1) == 1);
  }
  EVP_PKEY* key = nullptr;
  check(EVP_PKEY_keygen(context.get(), &key) == 1);
  return Owned<EVP_PKEY>(key);
}

std::string text_of(BIO* bio) {
  char* bytes = nullptr;
  const long size = BIO_ctrl(bio, BIO_CTRL_INFO, 0, &bytes);
  return {bytes, static_cast<std::size_t>(size)};
}

}  // namespace

TestCertificate make_certificate(const CertificateWish& wish) {
  const Owned<EVP_PKEY> key = make_key(wish.kind);
  const Owned<X509> certificate(X509_new());
  X509* x509 = certificate.get();
  X509_set_version(x509, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
  X509_gmtime_adj(X509_getm_notBefore(x509), -400L * 24 * 60 * 60);
  X509_gmtime_adj(X509_getm_notAfter(x509), wish.days * 24L * 60 * 60);
  X509_set_pubkey(x509, key.get());
  X509_NAME* name = X509_get_subject_name(x509);
  const std::string common = wish.names.empty() ? "nobody" : wish.names.front();
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(common.c_str()), -1, -1, 0);
  X509_set_issuer_name(x509, name);
  std::string names;
  for (const std::string& one : wish.names) {
    names += (names.empty() ? "DNS:" : ",DNS:") + one;
  }
  if (!names.empty()) {
    const Owned<X509_EXTENSION> extension(
        X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, names.c_str()));
    check(X509_add_ext(x509, extension.get(), -1) == 1);
  }
  check(X509_sign(x509, key.get(), EVP_sha256()) != 0);
  const Owned<BIO> out(BIO_new(BIO_s_mem()));
  const Owned<BIO> secret(BIO_new(BIO_s_mem()));
  check(PEM_write_bio_X509(out.get(), x509) == 1);
  check(PEM_write_bio_PrivateKey(secret.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) ==
        1);
  return {text_of(out.get()), text_of(secret.get())};
}

std::string protect(const std::string& key) {
  const Owned<BIO> in(BIO_new_mem_buf(key.data(), static_cast<int>(key.size())));
  const Owned<EVP_PKEY> parsed(PEM_read_bio_PrivateKey(in.get(), nullptr, nullptr, nullptr));
  check(parsed != nullptr);
  const Owned<BIO> out(BIO_new(BIO_s_mem()));
  std::string phrase = "secret";
  check(PEM_write_bio_PKCS8PrivateKey(out.get(), parsed.get(), EVP_aes_128_cbc(), phrase.data(),
                                      static_cast<int>(phrase.size()), nullptr, nullptr) == 1);
  return text_of(out.get());
}

}  // namespace smtpguard::test
