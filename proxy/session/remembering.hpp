// What sessions ask of the memory and what they tell it: the bridge between one inquiry and all
// that is known. Owns: nothing.   Called by: Lobby (recall), Session (recall, remember).
// Fails: never; without a memory, and of clients that are no strangers, nothing is known.
#pragma once

#include "filters/session_record.hpp"
#include "proxy/session/context.hpp"
#include "proxy/session/inquiry.hpp"

namespace smtpguard::session {

// By the address, at once.
void recall_address(const Context& context, Inquiry& inquiry);
// By address and name, once the name is known; true: it turns out that the client is known good.
bool recall_name(const Context& context, Inquiry& inquiry);
// The sender in hand, once its domain and the client's names are known.
void recall_sender(const Context& context, Inquiry& inquiry);
// Its message was accepted.
void remember_sender(Context& context, Inquiry& inquiry, const filters::SessionRecord& record);
// Whether who is suspicious has come back, with the recipient in hand.
filters::memory::GreylistAnswer ask_greylist(Context& context, Inquiry& inquiry);
// What the session has shown; the record is complete. `of_client`: the verdict as it is
// now, or the refusal that stands.
void remember(Context& context, Inquiry& inquiry, filters::SessionRecord& record,
              const filters::Verdict& of_client);

}  // namespace smtpguard::session
