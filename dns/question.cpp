#include "dns/question.hpp"

#include <algorithm>

#include "conf/base/escape.hpp"
#include "conf/base/text.hpp"

namespace smtpguard::dns {

Question canonical(Question question) {
  std::transform(question.name.begin(), question.name.end(), question.name.begin(), ascii_lower);
  if (question.name.ends_with('.')) {
    question.name.pop_back();
  }
  return question;
}

std::string_view to_string(RecordType type) {
  switch (type) {
    case RecordType::A:
      return "A";
    case RecordType::AAAA:
      return "AAAA";
    case RecordType::PTR:
      return "PTR";
    case RecordType::MX:
      return "MX";
    case RecordType::TXT:
      return "TXT";
  }
  return "?";
}

std::string to_string(const Question& question) {
  return escape(question.name) + ' ' + std::string(to_string(question.type));
}

}  // namespace smtpguard::dns
