#include "proxy/session/settings.hpp"

namespace smtpguard::session {

std::string_view to_string(Identity identity) {
  switch (identity) {
    case Identity::ProxyV2:
      return "proxy-v2";
    case Identity::ProxyV1:
      return "proxy-v1";
    case Identity::Xclient:
      return "xclient";
    case Identity::None:
      return "none";
  }
  return "?";
}

}  // namespace smtpguard::session
