// SessionFacts — what is known of a session while it goes on; what filters judge by.
// Owns: values.   Called by: Lobby and Session (fill it), smtpguardctl test (makes one up),
// filters. Fails: never. Only what was seen stands here; what is told of a session stands in
// session_record.hpp.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "conf/base/ip_address.hpp"
#include "conf/base/rare.hpp"
#include "dns/list_health.hpp"
#include "dns/spf_networks.hpp"
#include "filters/known_answers.hpp"
#include "filters/memory/remembered.hpp"

namespace smtpguard::filters {

// How this site stands to the client's address; decides which filters look at it at all.
enum class Standing : std::uint8_t {
  Stranger,  // everything is tested
  Trusted,   // a backup MX or forwarder: what it carries is not its own; its conduct is tested
  Local,     // our own networks: never looked up, never punished
  Allowed,   // the access lists let the address through: as Local, and it need not wait
};

// Another protocol than SMTP was recognised.
struct ForeignProtocol {
  std::string name;   // "HTTP"
  std::string bytes;  // its first, at most 100

  bool operator==(const ForeignProtocol&) const = default;
};

// How the client behaved, as far as that tells of a bot. Counters, and the first evidence of each.
struct Misbehaviour {
  std::uint32_t early = 0;          // bytes before the greeting was over
  std::uint32_t pipelining = 0;     // a command before the reply to the one before it, not offered
  std::uint32_t bare_lf = 0;        // command lines ended by LF alone
  std::uint32_t control_bytes = 0;  // command lines with NUL, CR or other control characters
  std::uint32_t unknown_commands = 0;  // lines that are no command of SMTP
  std::uint32_t auth = 0;              // AUTH, which is not offered
  std::uint32_t helo_changes = 0;      // HELO or EHLO with another name than before
  Rare<ForeignProtocol> foreign;
  // A header line of a message came as a command: the client went on after a refused DATA.
  Rare<std::string> message_line;

  bool operator==(const Misbehaviour&) const = default;
};

// MAIL's or RCPT's address in its parts, as said.
struct Mailbox {
  std::string local_part;
  std::string domain;
  std::string source_route;  // "@a,@b"; empty normally

  // "user@example.org", "postmaster", or "" for the null sender.
  std::string address() const;

  bool operator==(const Mailbox&) const = default;
};

struct SessionFacts {
  std::string id;
  Endpoint client;
  Endpoint listener;  // our own address as the client sees it
  Standing standing = Standing::Stranger;
  bool is_monitor = false;  // a health check of this site: greeted at once, told without noise
  bool is_quiet = false;    // known noise: only its end is told
  std::string helo;         // as said; empty before HELO
  bool is_esmtp = false;
  Misbehaviour misbehaviour;
  Rare<Mailbox> sender;          // since MAIL
  Rare<Mailbox> recipient;       // the RCPT in hand
  std::uint32_t recipients = 0;  // of this message, with the one in hand
  KnownAnswers dns;
  memory::Remembered remembered;  // of a stranger, since it came
  bool has_come_back = false;     // it was greylisted, and is not any more
  std::shared_ptr<const memory::Correspondent> correspondent;  // of the sender in hand; null: none
  // Shared by all sessions that began while nothing changed; null: nobody watches the lists.
  std::shared_ptr<const dns::ListHealth> lists;
  // The same for what domains publish by SPF; null: nothing is known of any.
  std::shared_ptr<const dns::SpfTable> spf;

  // Ours, allow-listed, or remembered as good: never waits, and goes last when there is no room.
  bool is_known_client() const {
    return standing == Standing::Allowed || standing == Standing::Local || is_monitor ||
           remembered.is_known_good;
  }
};

}  // namespace smtpguard::filters
