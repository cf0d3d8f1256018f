// What [tls] says of certificates and keys: what fits, what does not, what is warned of.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "proxy/service/settings.hpp"
#include "tests/support/test_certificates.hpp"

namespace smtpguard::service {
namespace {

using test::KeyKind;
using test::make_certificate;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// Files that exist only here: a configuration is read without a disk.
class Folder final : public conf::FileSource {
 public:
  std::map<std::string, std::string> files;

  Result<std::string> read(const std::string& path, ByteCount /*limit*/) override {
    const auto found = files.find(path);
    if (found == files.end()) {
      return Error{path + ": no such file or directory"};
    }
    return found->second;
  }
  bool lacks_folder(const std::string& /*path*/) override { return false; }
};

LoadedSettings load(Folder& folder, const std::string& tls) {
  folder.files["/c/s.toml"] = R"(hostname = "mx.example.org"
[recipients]
domains = ["example.org"]
[[listener]]
address = "0.0.0.0:25"
[backend]
address = "127.0.0.1:10025"
)" + tls;
  return load_settings("/c/s.toml", folder);
}

TEST(TlsSettings, AreEmptyWithoutCertificates) {
  Folder folder;
  const auto loaded = load(folder, "");
  EXPECT_THAT(loaded.errors, IsEmpty());
  EXPECT_EQ(loaded.settings.runtime.tls.context, nullptr);
}

TEST(TlsSettings, FindTheKeyOfEachCertificateInAnyFile) {
  Folder folder;
  const auto rsa = make_certificate({KeyKind::Rsa, {"mx.example.org"}, 90});
  const auto ecdsa = make_certificate({KeyKind::Ecdsa, {"mx.example.org"}, 90});
  folder.files["/c/rsa.pem"] = rsa.certificate;
  folder.files["/c/both.pem"] = ecdsa.key + ecdsa.certificate;
  folder.files["/k/rsa.key"] = rsa.key;
  const auto loaded =
      load(folder, "[tls]\ncertificates = [\"rsa.pem\", \"both.pem\"]\nkeys = [\"/k/rsa.key\"]\n");
  EXPECT_THAT(loaded.errors, IsEmpty());
  EXPECT_THAT(loaded.settings.warnings, IsEmpty());
  EXPECT_NE(loaded.settings.runtime.tls.context, nullptr);
}

TEST(TlsSettings, TellAllThatIsWrongWithTheFiles) {
  Folder folder;
  const auto made = make_certificate({KeyKind::Ecdsa, {"mx.example.org"}, 90});
  const auto other = make_certificate({KeyKind::Ecdsa, {"mx.example.org"}, 90});
  folder.files["/c/good.pem"] = made.certificate;
  folder.files["/c/text.pem"] = "hello";
  folder.files["/c/other.key"] = other.key;
  folder.files["/c/secret.key"] = test::protect(made.key);
  const auto loaded = load(folder,
                           "[tls]\ncertificates = [\"good.pem\", \"text.pem\", \"absent.pem\"]\n"
                           "keys = [\"other.key\", \"secret.key\"]\n");
  EXPECT_THAT(
      loaded.errors,
      testing::UnorderedElementsAre(
          AllOf(HasSubstr("s.toml:9:"), HasSubstr("tls.certificates: /c/good.pem: no file in "
                                                  "tls.keys holds the private key")),
          AllOf(HasSubstr("s.toml:9:"), HasSubstr("/c/text.pem holds no certificate")),
          AllOf(HasSubstr("s.toml:9:"), HasSubstr("/c/absent.pem: no such file")),
          AllOf(HasSubstr("s.toml:10:"), HasSubstr("/c/secret.key is protected by a pass"))));
}

TEST(TlsSettings, WarnOfTheEndOfACertificate) {
  Folder folder;
  const auto soon = make_certificate({KeyKind::Ecdsa, {"mx.example.org"}, 10});
  const auto over = make_certificate({KeyKind::Rsa, {"mx.example.org"}, -2});
  folder.files["/c/soon.pem"] = soon.certificate + soon.key;
  folder.files["/c/over.pem"] = over.certificate + over.key;
  const auto loaded = load(folder, "[tls]\ncertificates = [\"soon.pem\", \"over.pem\"]\n");
  EXPECT_THAT(loaded.errors, IsEmpty());
  EXPECT_THAT(loaded.settings.warnings, ElementsAre(HasSubstr("/c/soon.pem expires on 20"),
                                                    HasSubstr("/c/over.pem has expired on 20")));
}

TEST(TlsSettings, SayWhomTheBackendIsBelieved) {
  Folder folder;
  folder.files["/c/ca.pem"] =
      make_certificate({KeyKind::Ecdsa, {"backend.example"}, 90}).certificate;
  const auto off = load(folder, "");
  EXPECT_EQ(off.settings.runtime.backend.tls_context, nullptr);
  const auto anybody = load(folder, "tls = \"opportunistic\"\n");
  EXPECT_THAT(anybody.errors, IsEmpty());
  EXPECT_NE(anybody.settings.runtime.backend.tls_context, nullptr);
  const auto signed_one =
      load(folder, "tls = \"required\"\nca_file = \"ca.pem\"\ntls_name = \"backend.example\"\n");
  EXPECT_THAT(signed_one.errors, IsEmpty());
  EXPECT_NE(signed_one.settings.runtime.backend.tls_context, nullptr);
}

TEST(TlsSettings, TellWhatABackendCannotBeBelievedBy) {
  Folder folder;
  folder.files["/c/text.pem"] = "hello";
  EXPECT_THAT(load(folder, "tls = \"required\"\n").errors,
              ElementsAre(HasSubstr("backend.ca_file: missing")));
  EXPECT_THAT(load(folder, "tls = \"required\"\nca_file = \"text.pem\"\n").errors,
              ElementsAre(HasSubstr("backend.ca_file: /c/text.pem holds no certificate")));
  EXPECT_THAT(load(folder, "tls = \"opportunistic\"\ntls_name = \"a b\"\n").errors,
              ElementsAre(HasSubstr("backend.tls_name: \"a b\" is no host name")));
}

}  // namespace
}  // namespace smtpguard::service
