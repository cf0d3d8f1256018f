// The part of Session that ends it: the last word, what is remembered of it, and how it ended.
#include <fmt/format.h>

#include "proxy/session/remembering.hpp"
#include "proxy/session/session.hpp"

namespace smtpguard::session {

using filters::Ending;

void Session::finish() {
  backend_.drop();
  if (client_.lost() == ClientChannel::Loss::Aborted && !client_.is_cut_off()) {
    const smtp::Reply farewell = smtp::make_reply(
        421, "4.3.2", fmt::format("{} is closing, please try again", config_->hostname));
    client_.write_at_once(farewell.to_wire());
    context_.log.reply(facts_, nullptr, farewell);
  }
  record_.commands = dialog_.commands();
  if (!is_verdict_final()) {
    const filters::Verdict of_client = inquiry_->judge.of_client(facts_);
    tell_of_client(of_client);
    remember(context_, *inquiry_, record_, of_client);
  } else {
    remember(context_, *inquiry_, record_, *record_.verdict);
  }
  if (client_.lost() != ClientChannel::Loss::None) {
    record_.ending = ending_of_loss();
  } else if (dialog_.has_quit()) {
    record_.ending = Ending::Quit;
  } else if (record_.ending == Ending::ClientClosed && dialog_.is_shutting_down()) {
    record_.ending = dialog_.gives_way() ? Ending::Refused : Ending::Shutdown;
    record_.ending_detail = dialog_.gives_way() ? "too little memory" : record_.ending_detail;
  } else if (record_.ending == Ending::ClientClosed) {
    record_.ending = Ending::Abuse;
    if (record_.ending_detail.empty()) {
      record_.ending_detail = dialog_.limit_reached();
    }
  }
  if (record_.verdict) {
    context_.lists.on_session_end(*record_.verdict);
  }
  record_.asn =
      filters::to_string(filters::origin_of(config_->rules.site.access.origins.get(), facts_));
  context_.log.end(facts_, record_, SteadyClock::now());
}

void Session::finish_crashed() {
  body_ = nullptr;
  backend_.abort();
  client_.write_held();  // a 250 to a message, perhaps
  record_.ending = Ending::Fault;
  record_.ending_detail = where();
  context_.log.end(facts_, record_, SteadyClock::now());
}

Ending Session::ending_of_loss() {
  if (record_.ending_detail.empty()) {
    record_.ending_detail = where();
  }
  switch (client_.lost()) {
    case ClientChannel::Loss::Reset:
      return dialog_.has_quit() ? Ending::Quit : Ending::ClientReset;
    case ClientChannel::Loss::NotReading:
      return Ending::NotReading;
    case ClientChannel::Loss::Aborted:
      return Ending::Shutdown;
    case ClientChannel::Loss::Closed:
    case ClientChannel::Loss::None:
      break;
  }
  return dialog_.has_quit() ? Ending::Quit : Ending::ClientClosed;
}

}  // namespace smtpguard::session
