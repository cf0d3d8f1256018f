#include "filters/reverse.hpp"

#include <algorithm>

#include "dns/answer.hpp"

namespace smtpguard::filters {

void want_reverse(const SessionFacts& facts, std::vector<dns::Question>& questions) {
  const IpAddress& client = facts.client.address;
  const std::string name = dns::reverse_name(client);
  questions.push_back({name, dns::RecordType::PTR});
  if (const dns::Answer* ptr = facts.dns.find(name, dns::RecordType::PTR)) {
    for (dns::Question& question : dns::forward_questions(client, *ptr)) {
      questions.push_back(std::move(question));
    }
  }
}

std::optional<dns::ReverseIdentity> reverse_of(const SessionFacts& facts) {
  const IpAddress& client = facts.client.address;
  const dns::Answer* ptr = facts.dns.find(dns::reverse_name(client), dns::RecordType::PTR);
  if (ptr == nullptr) {
    return {};
  }
  std::vector<dns::Answer> forwards;
  for (const dns::Question& question : dns::forward_questions(client, *ptr)) {
    const dns::Answer* answer = facts.dns.find(question.name, question.type);
    if (answer == nullptr) {
      return {};
    }
    forwards.push_back(*answer);
  }
  return dns::confirm(client, *ptr, forwards);
}

ReverseNames reverse_names_of(const SessionFacts& facts) {
  const IpAddress& client = facts.client.address;
  const dns::Answer* ptr = facts.dns.find(dns::reverse_name(client), dns::RecordType::PTR);
  ReverseNames names;
  if (ptr == nullptr || dns::is_trouble(ptr->outcome)) {
    return names;
  }
  names.is_complete = true;
  for (const dns::Question& question : dns::forward_questions(client, *ptr)) {
    const dns::Answer* answer = facts.dns.find(question.name, question.type);
    const bool leads_back =
        answer != nullptr && std::find(answer->addresses().begin(), answer->addresses().end(),
                                       client) != answer->addresses().end();
    (leads_back ? names.confirmed : names.others).push_back(question.name);
    names.is_complete = names.is_complete && answer != nullptr && !dns::is_trouble(answer->outcome);
  }
  return names;
}

}  // namespace smtpguard::filters
