#include "dns/answer.hpp"

#include "conf/base/escape.hpp"
#include "conf/base/text.hpp"

namespace smtpguard::dns {

const Records& Answer::found() const {
  static const Records none;
  return records_ == nullptr ? none : *records_;
}

Records& Answer::records() {
  if (records_.use_count() != 1) {
    records_ = std::make_shared<Records>(found());
  }
  return *records_;
}

Answer without_records(Outcome outcome, std::chrono::seconds ttl) {
  Answer answer;
  answer.outcome = outcome;
  answer.ttl = ttl;
  return answer;
}

bool is_usable_host(std::string_view name) {
  return is_host_name(name) && name.find('.') != std::string_view::npos && !IpAddress::parse(name);
}

std::string_view to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::Found:
      return "found";
    case Outcome::NoSuchName:
      return "no_such_name";
    case Outcome::NoData:
      return "no_data";
    case Outcome::ServerFailure:
      return "server_failure";
    case Outcome::Refused:
      return "refused";
    case Outcome::Timeout:
      return "timeout";
    case Outcome::Malformed:
      return "malformed";
    case Outcome::NotAsked:
      return "not_asked";
  }
  return "?";
}

std::string to_string(const Answer& answer) {
  std::string out(to_string(answer.outcome));
  out += " ttl=" + std::to_string(answer.ttl.count());
  for (const IpAddress& address : answer.addresses()) {
    out += ' ' + address.to_string();
  }
  for (const std::string& name : answer.names()) {
    out += ' ' + escape(name);
  }
  for (const MailExchanger& exchanger : answer.exchangers()) {
    out += ' ' + std::to_string(exchanger.preference) + ':' + escape(exchanger.host);
  }
  for (const std::string& text : answer.texts()) {
    out += " \"" + escape(text) + '"';
  }
  if (answer.unusable() > 0) {
    out += " unusable=" + std::to_string(answer.unusable());
  }
  return out;
}

}  // namespace smtpguard::dns
