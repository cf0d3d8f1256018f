// TlsFacts — what two sides of a TLS connection have agreed on, in words.
// Owns: copies.   Called by: net (tells it), smtp (PROXY TLVs, trace header), session log.
// Fails: never. The server name is the client's word: hostile text, escaped like all of it.
#pragma once

#include <string>

namespace smtpguard {

struct TlsFacts {
  std::string protocol;     // "TLSv1.3"
  std::string cipher;       // "TLS_AES_256_GCM_SHA384"
  std::string server_name;  // SNI as the client sent it; empty: it sent none
  bool is_resumed = false;

  bool operator==(const TlsFacts&) const = default;
};

}  // namespace smtpguard
