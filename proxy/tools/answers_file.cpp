#include "proxy/tools/answers_file.hpp"

#include "conf/base/escape.hpp"
#include "conf/file.hpp"

namespace smtpguard::tools {
namespace {

constexpr ByteCount kLimit{10'000'000};

}  // namespace

Result<dns::FakeAnswers> read_answers_file(const std::string& path) {
  const auto text = conf::read_file(path, kLimit);
  if (!text) {
    return text.error();
  }
  auto answers = dns::FakeAnswers::parse(*text);
  if (!answers) {
    return Error{escape(path) + ": " + answers.error().text};
  }
  return answers;
}

}  // namespace smtpguard::tools
