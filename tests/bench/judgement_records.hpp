// Records — labelled clients of real mail servers, and the DNS as their receivers saw it.
// Owns: values.   Called by: bench_judgement.   Fails: read_records() names the file and its line.
// Columns of sessions-*.tsv: label, client_ip, helo, rdns, rdns_status, helo_resolves, protocol,
// sender_domain, year, source, n (messages); one line for each distinct client.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "conf/base/ip_address.hpp"
#include "conf/base/result.hpp"
#include "filters/session_facts.hpp"

namespace smtpguard::bench {

struct Record {
  std::string corpus;
  bool is_abusive = false;
  IpAddress client;
  std::string helo;
  std::string rdns;
  std::string rdns_status;    // ok, forged, none, unknown, claimed, absent
  std::string helo_resolves;  // yes, no, or empty: not recorded
  std::string sender_domain;
  std::uint64_t year = 0;
  std::uint64_t messages = 1;

  bool has_rdns() const { return rdns_status != "absent"; }
};

// All sessions-*.tsv of the folder, in the order of their names.
Result<std::vector<Record>> read_records(const std::string& folder);

// The DNS of this record as lines of an answers file (dns/fake_resolver.hpp):
//   ok, claimed     the name leads back to the client; of `claimed` the receiver did not look
//   forged          the name leads elsewhere
//   none, unknown   no name; of `unknown` the receiver says only that it has no confirmed one
//   absent          SERVFAIL, so that nothing is held against anybody
// A HELO name leads to the client, elsewhere or, where that was not recorded, to SERVFAIL; so do
// all questions about the sender's domain.
std::string answers_of(const Record& record);

// The client at RCPT, before anything was asked of the DNS.
filters::SessionFacts facts_of(const Record& record);

}  // namespace smtpguard::bench
