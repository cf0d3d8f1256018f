#include "proxy/net/tls_context.hpp"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "conf/base/text.hpp"
#include "proxy/net/tls_memory.hpp"

namespace smtpguard::net {

namespace {

// Of TLS 1.2; those of 1.3 are all good. Forward secrecy always; CBC at the end for old Exchange
// servers, which would come in plaintext else.
constexpr const char* kCiphers =
    "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:ECDHE+AES:!aNULL:!eNULL:!PSK:!SRP:!MD5";
constexpr std::string_view kService = "smtpguard smtp";
constexpr std::size_t kNameLimit = 255;

Error trouble(std::string_view what) {
  return Error{fmt::format("{}: {}", what, take_error())};
}

int select_smtp(SSL* /*ssl*/, const unsigned char** out, unsigned char* out_size,
                const unsigned char* in, unsigned in_size, void* /*unused*/) {
  static constexpr std::array<unsigned char, 5> kSmtp{4, 's', 'm', 't', 'p'};
  unsigned char* chosen = nullptr;
  const int found =
      SSL_select_next_proto(&chosen, out_size, kSmtp.data(), kSmtp.size(), in, in_size);
  if (found != OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

// The first identity of each kind of key.
std::vector<const TlsIdentity*> one_of_each_kind(const std::vector<const TlsIdentity*>& all) {
  std::vector<const TlsIdentity*> out;
  for (const TlsIdentity* identity : all) {
    const bool is_new = std::none_of(out.begin(), out.end(), [&](const TlsIdentity* other) {
      return other->certificate.kind() == identity->certificate.kind();
    });
    if (is_new) {
      out.push_back(identity);
    }
  }
  return out;
}

Result<void> show(SSL_CTX* context, const TlsIdentity& identity) {
  if (SSL_CTX_use_certificate(context, identity.certificate.get()) != 1 ||
      SSL_CTX_use_PrivateKey(context, identity.key.get()) != 1) {
    return trouble("certificate");
  }
  const auto& chain = identity.certificate.chain();
  for (std::size_t i = 1; i < chain.size(); ++i) {
    if (SSL_CTX_add1_chain_cert(context, chain[i].get()) != 1) {
      return trouble("chain of the certificate");
    }
  }
  return boost::system::in_place_value;
}

std::string fingerprint_of(const std::vector<TlsIdentity>& identities) {
  std::string all;
  for (const TlsIdentity& identity : identities) {
    for (const X509Pointer& certificate : identity.certificate.chain()) {
      std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
      unsigned length = 0;
      X509_digest(certificate.get(), EVP_sha256(), digest.data(), &length);
      all.append(digest.begin(), digest.begin() + length);
    }
  }
  return all;
}

// What a key of tickets takes.
std::vector<unsigned char> room_for_ticket_key(SSL_CTX* context) {
  return std::vector<unsigned char>(
      static_cast<std::size_t>(SSL_CTX_get_tlsext_ticket_keys(context, nullptr, 0)));
}

}  // namespace

void TlsContext::Free::operator()(ssl_ctx_st* context) const noexcept {
  SSL_CTX_free(context);
}

Result<TlsContext::Context> TlsContext::make(bool is_server) {
  Context context(SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method()));
  if (!context || SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION) != 1 ||
      SSL_CTX_set_cipher_list(context.get(), kCiphers) != 1) {
    return trouble("TLS");
  }
  SSL_CTX_set_options(context.get(), SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
#ifdef SSL_OP_NO_RENEGOTIATION
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION);
#endif
#ifdef SSL_OP_NO_CLIENT_RENEGOTIATION
  SSL_CTX_set_options(context.get(), SSL_OP_NO_CLIENT_RENEGOTIATION);
#endif
#ifdef SSL_OP_PRIORITIZE_CHACHA
  SSL_CTX_set_options(context.get(), SSL_OP_PRIORITIZE_CHACHA);
#endif
  // An idle session must not keep two buffers of 17 KB; what is retried may have moved.
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  return context;
}

Result<TlsContext::Context> TlsContext::make_server(const std::vector<const TlsIdentity*>& shown) {
  auto made = make(true);
  if (!made) {
    return made;
  }
  SSL_CTX* context = made->get();
  for (const TlsIdentity* identity : shown) {
    auto added = show(context, *identity);
    if (!added) {
      return added.error();
    }
  }
  SSL_CTX_set_dh_auto(context, 1);
  SSL_CTX_set_alpn_select_cb(context, select_smtp, nullptr);
  const auto* const service = reinterpret_cast<const unsigned char*>(kService.data());
  SSL_CTX_set_session_id_context(context, service, static_cast<unsigned>(kService.size()));
  return made;
}

Result<TlsContext::Pointer> TlsContext::for_server(const std::vector<TlsIdentity>& identities) {
  const std::shared_ptr<TlsContext> out(new TlsContext);
  std::vector<const TlsIdentity*> all;
  for (const TlsIdentity& identity : identities) {
    all.push_back(&identity);
  }
  auto made = out->make_server(one_of_each_kind(all));
  if (!made) {
    return made.error();
  }
  out->default_ = std::move(*made);
  // The streams keep the context alive for as long as they can ask it.
  // The macros of the same names cast in C's way.
  SSL_CTX_callback_ctrl(out->default_.get(), SSL_CTRL_SET_TLSEXT_SERVERNAME_CB,
                        reinterpret_cast<void (*)()>(choose));
  SSL_CTX_set_tlsext_servername_arg(out->default_.get(), out.get());
  out->fingerprint_ = fingerprint_of(identities);
  auto named = out->add_names(identities);
  if (!named) {
    return named.error();
  }
  return Pointer(out);
}

// Identities that are for the same names share a context.
Result<void> TlsContext::add_names(const std::vector<TlsIdentity>& identities) {
  std::map<std::string, std::vector<const TlsIdentity*>> shown_for;
  for (const TlsIdentity& identity : identities) {
    for (const std::string& name : identity.certificate.names()) {
      shown_for[name].push_back(&identity);
    }
  }
  std::map<std::vector<const TlsIdentity*>, ssl_ctx_st*> contexts;
  for (const auto& [name, all] : shown_for) {
    const auto shown = one_of_each_kind(all);
    ssl_ctx_st*& context = contexts[shown];
    if (context == nullptr) {
      auto made = make_server(shown);
      if (!made) {
        return made.error();
      }
      context = made->get();
      others_.push_back(std::move(*made));
    }
    by_name_[name] = context;
  }
  return boost::system::in_place_value;
}

Result<TlsContext::Pointer> TlsContext::for_backend(const TlsPeerRules& rules) {
  const std::shared_ptr<TlsContext> out(new TlsContext);
  auto made = make(false);
  if (!made) {
    return made.error();
  }
  out->default_ = std::move(*made);
  out->peer_name_ = rules.name;
  if (!rules.is_verified) {
    return Pointer(out);
  }
  const auto authorities = read_certificates(rules.authorities);
  if (authorities.empty()) {
    return Error{"holds no certificate (PEM)"};
  }
  X509_STORE* store = SSL_CTX_get_cert_store(out->default_.get());
  for (const X509Pointer& authority : authorities) {
    if (X509_STORE_add_cert(store, authority.get()) != 1) {
      return trouble("certificate of an authority");
    }
  }
  SSL_CTX_set_verify(out->default_.get(), SSL_VERIFY_PEER, nullptr);
  return Pointer(out);
}

ssl_ctx_st* TlsContext::find(std::string_view server_name) const {
  if (server_name.empty() || server_name.size() > kNameLimit) {
    return default_.get();
  }
  const std::string name = to_lower(server_name);
  auto found = by_name_.find(name);
  if (found == by_name_.end()) {
    const auto dot = name.find('.');
    found = dot == std::string::npos ? found : by_name_.find("*" + name.substr(dot));
  }
  return found == by_name_.end() ? default_.get() : found->second;
}

// Nobody is refused for a name that we do not know: on port 25 that would mean plaintext.
int TlsContext::choose(ssl_st* ssl, int* /*alert*/, void* self) {
  const char* const name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (name != nullptr) {
    SSL_set_SSL_CTX(ssl, static_cast<const TlsContext*>(self)->find(name));
  }
  return SSL_TLSEXT_ERR_OK;
}

std::shared_lock<std::shared_mutex> TlsContext::hold_ticket_key() const {
  const std::lock_guard turn(turn_);
  return std::shared_lock(ticket_key_);  // never waits: who changes it would have the turn
}

void TlsContext::set_ticket_key(std::span<unsigned char> key,
                                std::optional<TimePoint> since) const {
  const std::lock_guard change(ticket_key_);
  if (SSL_CTX_set_tlsext_ticket_keys(default_.get(), key.data(), std::ssize(key)) == 1) {
    key_since_ = since;
  }
}

void TlsContext::keep_tickets_of(const TlsContext& former) const {
  std::vector<unsigned char> key = room_for_ticket_key(former.default_.get());
  std::optional<TimePoint> since;
  bool is_known = false;
  {
    const std::lock_guard turn(former.turn_);
    is_known =
        SSL_CTX_get_tlsext_ticket_keys(former.default_.get(), key.data(), std::ssize(key)) == 1;
    since = former.key_since_;
  }
  if (is_known) {
    const std::lock_guard turn(turn_);
    set_ticket_key(key, since);
  }
  OPENSSL_cleanse(key.data(), key.size());
}

void TlsContext::renew_tickets(TimePoint now) const {
  const std::lock_guard turn(turn_);
  if (!key_since_) {
    key_since_ = now;
  }
  if (now - *key_since_ < kTicketKeyLife) {
    return;
  }
  std::vector<unsigned char> key = room_for_ticket_key(default_.get());
  if (RAND_bytes(key.data(), static_cast<int>(key.size())) == 1) {
    set_ticket_key(key, now);
  }
  OPENSSL_cleanse(key.data(), key.size());
}

}  // namespace smtpguard::net
