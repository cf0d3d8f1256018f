// TlsContext and TlsStream against each other, and against OpenSSL's own client, over a pair of
// connected sockets.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <csignal>
#include <functional>

#include "proxy/net/tls_context.hpp"
#include "proxy/net/tls_stream.hpp"
#include "tests/support/test_certificates.hpp"
#include "tests/support/threads.hpp"

namespace smtpguard::net {
namespace {

using test::KeyKind;
using test::make_certificate;
using test::TestCertificate;
using testing::HasSubstr;

using Role = TlsStream::Role;
using Status = Io::Status;

const TestCertificate& rsa() {
  static const TestCertificate made = make_certificate({KeyKind::Rsa, {"mx.example.org"}, 90});
  return made;
}

const TestCertificate& ecdsa() {
  static const TestCertificate made = make_certificate({KeyKind::Ecdsa, {"mx.example.org"}, 90});
  return made;
}

TlsIdentity identity_of(const TestCertificate& made) {
  return {TlsCertificate::parse(made.certificate).value(), TlsKey::parse(made.key).value()};
}

TlsContext::Pointer server_with(const std::vector<TestCertificate>& all) {
  std::vector<TlsIdentity> identities;
  for (const TestCertificate& one : all) {
    identities.push_back(identity_of(one));
  }
  return TlsContext::for_server(identities).value();
}

TlsContext::Pointer client_for(const TlsPeerRules& rules) {
  return TlsContext::for_backend(rules).value();
}

// Two connected sockets; what Asio thinks of their kind does not matter here.
class Wire {
 public:
  Wire() : ours(io_.get_executor()), theirs(io_.get_executor()) {
    std::signal(SIGPIPE, SIG_IGN);  // as main does
    std::array<int, 2> pair{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair.data()), 0);
    ours.assign(asio::ip::tcp::v4(), pair[0]);
    theirs.assign(asio::ip::tcp::v4(), pair[1]);
    ours.native_non_blocking(true);
    theirs.native_non_blocking(true);
  }

 private:
  asio::io_context io_{1};

 public:
  Socket ours;
  Socket theirs;
};

struct Outcome {
  Io server;
  Io client;
};

Outcome shake(TlsStream& server, TlsStream& client) {
  Outcome seen{{Status::WouldBlock, 0, {}, false}, {Status::WouldBlock, 0, {}, false}};
  for (int round = 0; round < 20; ++round) {
    if (seen.client.status == Status::WouldBlock) {
      seen.client = client.shake_hands();
    }
    if (seen.server.status == Status::WouldBlock) {
      seen.server = server.shake_hands();
    }
  }
  return seen;
}

// Both ends after a handshake.
struct Pair {
  Wire wire;
  std::unique_ptr<TlsStream> server;
  std::unique_ptr<TlsStream> client;
  Outcome outcome;

  Pair(const TlsContext::Pointer& server_context, const TlsContext::Pointer& client_context)
      : server(TlsStream::begin(server_context, wire.ours, Role::Server)),
        client(TlsStream::begin(client_context, wire.theirs, Role::Client)),
        outcome(shake(*server, *client)) {}
};

std::string read_all(TlsStream& stream, std::size_t at_most = 4096) {
  std::string out;
  std::string buffer(at_most, '\0');
  while (true) {
    const Io io = stream.read_some(buffer);
    if (io.status != Status::Done) {
      return out;
    }
    out += buffer.substr(0, io.count);
  }
}

TEST(TlsStream, CarriesBytesBothWays) {
  Pair pair(server_with({ecdsa()}), client_for({}));
  ASSERT_EQ(pair.outcome.server.status, Status::Done);
  ASSERT_EQ(pair.outcome.client.status, Status::Done);
  EXPECT_EQ(pair.client->write_some("EHLO x\r\n").count, 8U);
  EXPECT_EQ(read_all(*pair.server), "EHLO x\r\n");
  EXPECT_EQ(pair.server->write_some("250 ok\r\n").count, 8U);
  EXPECT_EQ(read_all(*pair.client), "250 ok\r\n");
  EXPECT_EQ(pair.server->facts().protocol, "TLSv1.3");
  EXPECT_THAT(pair.server->facts().cipher, HasSubstr("AES"));
}

TEST(TlsStream, TellsOfBytesThatItHoldsBack) {
  Pair pair(server_with({ecdsa()}), client_for({}));
  pair.client->write_some(std::string(1000, 'x'));
  std::array<char, 10> few{};
  EXPECT_EQ(pair.server->read_some(few).count, 10U);
  EXPECT_TRUE(pair.server->has_pending());
  EXPECT_EQ(read_all(*pair.server).size(), 990U);
  EXPECT_FALSE(pair.server->has_pending());
}

TEST(TlsStream, LeavesPeekedBytesInPlace) {
  Pair pair(server_with({ecdsa()}), client_for({}));
  pair.client->write_some("NOOP\r\n");
  std::array<char, 100> room{};
  EXPECT_EQ(pair.server->peek_some(room).count, 6U);
  EXPECT_EQ(read_all(*pair.server), "NOOP\r\n");
}

TEST(TlsStream, WritesAgainFromWhereverTheBytesLieNow) {
  Pair pair(server_with({ecdsa()}), client_for({}));
  const std::string text(1'000'000, 'y');
  std::size_t sent = 0;
  std::string seen;
  while (sent < text.size()) {
    const std::string moved = text.substr(sent);
    sent += pair.client->write_some(moved).count;
    seen += read_all(*pair.server, 70'000);
  }
  seen += read_all(*pair.server, 70'000);
  EXPECT_EQ(seen, text);
}

TEST(TlsStream, EndsForGoodWithCloseNotify) {
  Pair pair(server_with({ecdsa()}), client_for({}));
  pair.client->close();
  write_some(pair.wire.theirs, "MAIL FROM:<evil@example.org>\r\n");
  std::array<char, 100> room{};
  EXPECT_EQ(pair.server->read_some(room).status, Status::Closed);
  EXPECT_EQ(pair.server->read_some(room).status, Status::Closed);
  EXPECT_EQ(pair.server->peek_some(room).status, Status::Closed);
}

TEST(TlsStream, IsBrokenForGoodByPlaintext) {
  Pair pair(server_with({ecdsa()}), client_for({}));
  write_some(pair.wire.theirs, "MAIL FROM:<evil@example.org>\r\n");
  std::array<char, 100> room{};
  EXPECT_EQ(pair.server->read_some(room).status, Status::Broken);
  EXPECT_EQ(pair.server->read_some(room).status, Status::Broken);
  EXPECT_EQ(pair.server->write_some("250 ok\r\n").status, Status::Broken);
}

TEST(TlsStream, TakesACloseWithoutFarewellForAClose) {
  Pair pair(server_with({ecdsa()}), client_for({}));
  read_all(*pair.client);  // its tickets: a close with unread bytes is a reset
  pair.client.reset();
  pair.wire.theirs.close();
  std::array<char, 100> room{};
  EXPECT_EQ(pair.server->read_some(room).status, Status::Closed);
}

TEST(TlsStream, SaysWhyAHandshakeFailed) {
  Wire wire;
  const auto server = TlsStream::begin(server_with({ecdsa()}), wire.ours, Role::Server);
  write_some(wire.theirs, "EHLO client.example\r\n");
  EXPECT_EQ(server->shake_hands().status, Status::Broken);
  EXPECT_EQ(server->error_text(), "wrong version number");
}

// --- with OpenSSL's client, for what ours would never do -----------------------------------------

struct FreeClient {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};

class OpenSslClient {
 public:
  explicit OpenSslClient(const std::function<void(SSL_CTX*)>& prepare)
      : context_(SSL_CTX_new(TLS_client_method())) {
    prepare(context_.get());
  }
  // True: the handshake was done.
  bool shake(
      const TlsContext::Pointer& server_context,
      const std::function<void(SSL*)>& prepare = [](SSL*) {}) {
    ssl_.reset(SSL_new(context_.get()));
    wire_ = std::make_unique<Wire>();
    SSL_set_fd(ssl_.get(), wire_->theirs.native_handle());
    SSL_set_connect_state(ssl_.get());
    prepare(ssl_.get());
    server = TlsStream::begin(server_context, wire_->ours, Role::Server);
    bool is_done = false;
    bool is_served = false;
    for (int round = 0; round < 20; ++round) {
      is_done = SSL_do_handshake(ssl_.get()) == 1;
      is_served = is_served || server->shake_hands().status == Status::Done;
    }
    return is_done && is_served;
  }
  SSL* ssl() { return ssl_.get(); }
  int certificate_kind() {
    X509* shown = SSL_get_peer_certificate(ssl_.get());
    const int kind = EVP_PKEY_base_id(X509_get0_pubkey(shown));
    X509_free(shown);
    return kind;
  }

  std::unique_ptr<TlsStream> server;

 private:
  std::unique_ptr<Wire> wire_;
  std::unique_ptr<SSL_CTX, FreeClient> context_;
  std::unique_ptr<SSL, FreeClient> ssl_;
};

void as_it_is(SSL_CTX* /*context*/) {}

void with_tls_1_2(SSL_CTX* context) {
  SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
}

void name(SSL* ssl, const char* host) {
  SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, const_cast<char*>(host));
}

TEST(TlsContext, SpeaksTls12AndNothingOlder) {
  OpenSslClient client(with_tls_1_2);
  EXPECT_TRUE(client.shake(server_with({rsa()})));
  EXPECT_EQ(client.server->facts().protocol, "TLSv1.2");
  OpenSslClient old([](SSL_CTX* context) {
    SSL_CTX_set_security_level(context, 0);
    SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(context, TLS1_1_VERSION);
  });
  EXPECT_FALSE(old.shake(server_with({rsa()})));
}

TEST(TlsContext, ShowsRsaAndEcdsaToWhoeverTakesThem) {
  const auto context = server_with({rsa(), ecdsa()});
  OpenSslClient modern(with_tls_1_2);
  ASSERT_TRUE(modern.shake(context));
  EXPECT_EQ(modern.certificate_kind(), EVP_PKEY_EC);
  OpenSslClient old([](SSL_CTX* client) {
    with_tls_1_2(client);
    SSL_CTX_set_cipher_list(client, "ECDHE-RSA-AES128-GCM-SHA256");
  });
  ASSERT_TRUE(old.shake(context));
  EXPECT_EQ(old.certificate_kind(), EVP_PKEY_RSA);
}

TEST(TlsContext, ChoosesTheCertificateByName) {
  const auto other = make_certificate({KeyKind::Rsa, {"*.example.net", "other.example"}, 90});
  const auto context = server_with({ecdsa(), other});
  const std::vector<std::pair<const char*, int>> expected = {
      {"mx.example.org", EVP_PKEY_EC},
      {"MX.example.ORG", EVP_PKEY_EC},
      {"a.example.net", EVP_PKEY_RSA},
      {"other.example", EVP_PKEY_RSA},
  };
  for (const auto& [host, kind] : expected) {
    OpenSslClient client(as_it_is);
    ASSERT_TRUE(client.shake(context, [&, wanted = host](SSL* ssl) { name(ssl, wanted); })) << host;
    EXPECT_EQ(client.certificate_kind(), kind) << host;
    EXPECT_EQ(client.server->facts().server_name, host);
  }
  OpenSslClient unknown(as_it_is);
  EXPECT_TRUE(unknown.shake(context, [](SSL* ssl) { name(ssl, "unknown.example"); }));
}

TEST(TlsContext, WantsSmtpWhereTheClientNamesAProtocol) {
  const auto with_alpn = [](const std::string& wire_form) {
    return [wire_form](SSL* ssl) {
      SSL_set_alpn_protos(ssl, reinterpret_cast<const unsigned char*>(wire_form.data()),
                          static_cast<unsigned>(wire_form.size()));
    };
  };
  OpenSslClient mail(as_it_is);
  EXPECT_TRUE(mail.shake(server_with({ecdsa()}), with_alpn("\4smtp")));
  OpenSslClient web(as_it_is);
  EXPECT_FALSE(web.shake(server_with({ecdsa()}), with_alpn("\2h2\10http/1.1")));
}

TEST(TlsContext, RefusesRenegotiation) {
  OpenSslClient client(with_tls_1_2);
  ASSERT_TRUE(client.shake(server_with({ecdsa()})));
  const int begun = SSL_renegotiate(client.ssl());
  const int sent = begun == 1 ? SSL_do_handshake(client.ssl()) : -1;
  std::array<char, 100> room{};
  client.server->read_some(room);
  EXPECT_NE(sent, 1);
  EXPECT_LE(SSL_do_handshake(client.ssl()), 0);
}

// Shakes hands with the first, and with the second by the ticket of the first.
bool resumes(
    const TlsContext::Pointer& first, const TlsContext::Pointer& second,
    const std::function<void()>& in_between = [] {}) {
  OpenSslClient client(with_tls_1_2);
  EXPECT_TRUE(client.shake(first));
  SSL_SESSION* session = SSL_get1_session(client.ssl());
  SSL_shutdown(client.ssl());  // a session that breaks off is not resumed
  in_between();
  EXPECT_TRUE(client.shake(second, [&](SSL* ssl) { SSL_set_session(ssl, session); }));
  SSL_SESSION_free(session);
  return client.server->facts().is_resumed;
}

TEST(TlsContext, TakesItsTicketsAndThoseOfTheOneBeforeButNoOthers) {
  const auto first = server_with({ecdsa()});
  const auto reloaded = server_with({ecdsa()});
  reloaded->keep_tickets_of(*first);
  EXPECT_TRUE(resumes(first, first));
  EXPECT_TRUE(resumes(first, reloaded));
  EXPECT_FALSE(resumes(first, server_with({ecdsa()})));
}

TEST(TlsContext, ForgetsTheKeyOfItsTicketsAfterAWhile) {
  const TimePoint start{};
  const auto life = TlsContext::kTicketKeyLife;
  const auto context = server_with({ecdsa()});
  context->renew_tickets(start);
  EXPECT_TRUE(resumes(context, context,
                      [&] { context->renew_tickets(start + life - std::chrono::seconds(1)); }));
  EXPECT_FALSE(resumes(context, context, [&] { context->renew_tickets(start + life); }));
  EXPECT_TRUE(resumes(context, context, [&] { context->renew_tickets(start + life); }));
}

TEST(TlsContext, KeepsTheAgeOfTheKeyOverAReload) {
  const TimePoint start{};
  const auto first = server_with({ecdsa()});
  first->renew_tickets(start);
  const auto reloaded = server_with({ecdsa()});
  reloaded->keep_tickets_of(*first);
  EXPECT_TRUE(resumes(first, reloaded, [&] { reloaded->renew_tickets(start); }));
  EXPECT_FALSE(resumes(first, reloaded,
                       [&] { reloaded->renew_tickets(start + TlsContext::kTicketKeyLife); }));
}

TEST(TlsContext, RenewsTheKeyOnceHoweverManyThreadsFindItTooOld) {
  std::signal(SIGPIPE, SIG_IGN);
  const auto context = server_with({ecdsa(), rsa()});
  TimePoint now{};
  context->renew_tickets(now);
  for (int life = 0; life < 20; ++life) {
    now += TlsContext::kTicketKeyLife;
    std::atomic<std::size_t> resumed = 0;
    test::in_threads([&](std::size_t /*number*/) {
      context->renew_tickets(now);
      resumed += resumes(context, context, [&] { context->renew_tickets(now); }) ? 1U : 0U;
    });
    EXPECT_EQ(resumed, test::kThreads);
  }
}

TEST(TlsContext, ShakesHandsInSeveralThreadsWhileItsKeyChanges) {
  std::signal(SIGPIPE, SIG_IGN);
  const auto context = server_with({ecdsa(), rsa()});
  const auto client_context = client_for({});
  std::atomic<std::size_t> done = 0;
  constexpr std::size_t kRounds = 40;
  test::in_threads([&](std::size_t number) {
    for (std::size_t round = 1; round <= kRounds; ++round) {
      if (number == 0) {
        context->keep_tickets_of(*server_with({ecdsa()}));
      }
      context->renew_tickets(TimePoint{} + round * TlsContext::kTicketKeyLife);
      const Pair pair(context, client_context);
      done += pair.outcome.server.status == Status::Done ? 1U : 0U;
    }
  });
  EXPECT_EQ(done, test::kThreads * kRounds);
  EXPECT_TRUE(resumes(context, context));
}

TEST(TlsContext, BelievesABackendOfItsAuthorityAndNameOnly) {
  const auto server = server_with({ecdsa()});
  EXPECT_EQ(Pair(server, client_for({})).outcome.client.status, Status::Done);
  EXPECT_EQ(Pair(server, client_for({true, ecdsa().certificate, ""})).outcome.client.status,
            Status::Done);
  EXPECT_EQ(
      Pair(server, client_for({true, ecdsa().certificate, "mx.example.org"})).outcome.client.status,
      Status::Done);
  Pair stranger(server, client_for({true, rsa().certificate, ""}));
  EXPECT_EQ(stranger.outcome.client.status, Status::Broken);
  EXPECT_THAT(stranger.client->error_text(), HasSubstr("certificate verify failed"));
  Pair misnamed(server, client_for({true, ecdsa().certificate, "other.example"}));
  EXPECT_EQ(misnamed.outcome.client.status, Status::Broken);
  EXPECT_THAT(misnamed.client->error_text(), HasSubstr("ostname mismatch"));
  const TestCertificate old = make_certificate({KeyKind::Ecdsa, {"mx.example.org"}, -1});
  Pair expired(server_with({old}), client_for({true, old.certificate, ""}));
  EXPECT_EQ(expired.outcome.client.status, Status::Broken);
  EXPECT_THAT(expired.client->error_text(), HasSubstr("expired"));
}

TEST(TlsCertificate, TellsItsNamesKindAndEnd) {
  const auto wide = make_certificate({KeyKind::Rsa, {"MX.Example.org", "*.example.net"}, -3});
  const auto certificate = TlsCertificate::parse(wide.certificate);
  ASSERT_TRUE(certificate.has_value());
  EXPECT_THAT(certificate->names(), testing::ElementsAre("mx.example.org", "*.example.net"));
  EXPECT_EQ(certificate->kind(), EVP_PKEY_RSA);
  EXPECT_LT(certificate->not_after(), std::time(nullptr));
  EXPECT_TRUE(certificate->fits(*TlsKey::parse(wide.key)));
  EXPECT_FALSE(certificate->fits(*TlsKey::parse(ecdsa().key)));
}

TEST(TlsCertificate, IsNotMadeOfAnythingElse) {
  EXPECT_EQ(TlsCertificate::parse("hello").error().text, "holds no certificate (PEM)");
  EXPECT_EQ(TlsKey::parse(ecdsa().certificate).error().text, "holds no private key (PEM)");
  EXPECT_THAT(TlsKey::parse(test::protect(ecdsa().key)).error().text, HasSubstr("pass phrase"));
}

}  // namespace
}  // namespace smtpguard::net
