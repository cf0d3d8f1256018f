#include "proxy/session/tls_settings.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "conf/base/escape.hpp"
#include "conf/base/text.hpp"
#include "conf/reader.hpp"

namespace smtpguard::session {

namespace {

constexpr ByteCount kPemLimit{1'000'000};
constexpr std::time_t kDay = 24L * 60 * 60;
constexpr std::time_t kWarnBefore = 14 * kDay;

struct Pem {
  std::string path;
  std::string text;
  conf::Place place;
};

std::vector<Pem> read_files(conf::Reader& section, std::string_view key) {
  std::vector<Pem> out;
  for (const auto& file : section.files(key)) {
    auto content = section.content_of(file.value, kPemLimit);
    if (content) {
      out.push_back({file.value, std::move(*content), file.place});
    } else {
      section.error(key, file.place, content.error().text);
    }
  }
  return out;
}

void check_time(conf::Reader& section, const Pem& file, const net::TlsCertificate& certificate) {
  const std::time_t now = std::time(nullptr);
  const std::time_t end = certificate.not_after();
  const std::string name = escape(file.path);
  if (end < now) {
    section.warning("certificates", file.place,
                    fmt::format("{} has expired on {:%Y-%m-%d}; senders that check certificates "
                                "(MTA-STS, DANE) do not deliver",
                                name, fmt::gmtime(end)));
  } else if (end < now + kWarnBefore) {
    section.warning("certificates", file.place,
                    fmt::format("{} expires on {:%Y-%m-%d}", name, fmt::gmtime(end)));
  } else if (certificate.not_before() > now) {
    section.warning("certificates", file.place,
                    fmt::format("{} is valid from {:%Y-%m-%d} only", name,
                                fmt::gmtime(certificate.not_before())));
  }
}

// In one of the files of keys, or beside the certificate itself.
std::optional<net::TlsKey> key_for(conf::Reader& section, const Pem& file,
                                   const net::TlsCertificate& certificate,
                                   const std::vector<Pem>& keys) {
  auto own = net::TlsKey::parse(file.text);
  if (own && certificate.fits(*own)) {
    return std::move(*own);
  }
  for (const Pem& candidate : keys) {
    auto key = net::TlsKey::parse(candidate.text);
    if (key && certificate.fits(*key)) {
      return std::move(*key);
    }
  }
  section.error("certificates", file.place,
                fmt::format("{}: no file in tls.keys holds the private key of this certificate",
                            escape(file.path)));
  return std::nullopt;
}

void check_keys(conf::Reader& section, const std::vector<Pem>& keys) {
  for (const Pem& file : keys) {
    const auto key = net::TlsKey::parse(file.text);
    if (!key) {
      section.error("keys", file.place, escape(file.path) + ' ' + key.error().text);
    }
  }
}

}  // namespace

namespace {

std::vector<net::TlsIdentity> read_identities(conf::Reader& section) {
  const std::vector<Pem> certificates = read_files(section, "certificates");
  const std::vector<Pem> keys = read_files(section, "keys");
  check_keys(section, keys);
  std::vector<net::TlsIdentity> identities;
  for (const Pem& file : certificates) {
    auto certificate = net::TlsCertificate::parse(file.text);
    if (!certificate) {
      section.error("certificates", file.place, escape(file.path) + ' ' + certificate.error().text);
      continue;
    }
    check_time(section, file, *certificate);
    auto key = key_for(section, file, *certificate, keys);
    if (key) {
      identities.push_back({std::move(*certificate), std::move(*key)});
    }
  }
  return identities;
}

}  // namespace

TlsSettings read_tls(conf::Reader section, TlsFiles files) {
  TlsSettings tls;
  tls.has_certificates = !section.files("certificates").empty();
  std::vector<net::TlsIdentity> identities;
  if (files == TlsFiles::Read) {
    identities = read_identities(section);
  } else {
    section.files("keys");
  }
  section.duration("handshake_timeout", tls.handshake_timeout,
                   {Milliseconds(1000), Milliseconds(300'000)});
  section.duration("retry_after", tls.retry_after, {Milliseconds(0), Milliseconds(86'400'000)});
  if (identities.empty()) {
    return tls;
  }
  auto context = net::TlsContext::for_server(identities);
  if (context) {
    tls.context = std::move(*context);
  } else {
    section.error("certificates", context.error().text);
  }
  return tls;
}

net::TlsContext::Pointer read_backend_tls(conf::Reader& section, smtp::BackendTls mode) {
  net::TlsPeerRules rules;
  rules.is_verified = mode == smtp::BackendTls::Required;
  std::string path;
  section.file_path("ca_file", path);
  if (section.string("tls_name", rules.name) && !rules.name.empty() && !is_host_name(rules.name)) {
    section.error("tls_name", "\"" + escape(rules.name) + "\" is no host name");
  }
  if (mode == smtp::BackendTls::Off) {
    return nullptr;
  }
  if (rules.is_verified && path.empty()) {
    section.error("ca_file",
                  "missing; expected: the certificate (PEM) of who has signed that of "
                  "the backend, since backend.tls is \"required\"");
    return nullptr;
  }
  if (rules.is_verified) {
    auto content = section.content_of(path, kPemLimit);
    if (!content) {
      section.error("ca_file", content.error().text);
      return nullptr;
    }
    rules.authorities = std::move(*content);
  }
  auto context = net::TlsContext::for_backend(rules);
  if (!context) {
    section.error("ca_file", escape(path) + ' ' + context.error().text);
    return nullptr;
  }
  return std::move(*context);
}

}  // namespace smtpguard::session
