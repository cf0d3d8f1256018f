// Wording — how keys and values of a document are shown in messages.
// Owns: nothing.   Called by: Reader, Reading.   Fails: never. Text of the file is escaped and cut.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "conf/base/text.hpp"
#include "conf/document.hpp"

namespace smtpguard::conf {

std::string quoted(std::string_view text);
// The same, whole: a text as TOML writes it.
std::string as_toml(std::string_view text);
// The value as in the file, with its type where that does not show.
std::string describe(const Value& value);
// "a, b, c"
std::string join(const std::vector<std::string>& words);
// "backend.identity"; a key that needs quotes has them.
std::string join_path(const std::string& path, std::string_view key);
// "50MB"
std::string show(ByteCount count);

// nullptr: the value is something else.
const Array* as_array(const Value& value);
const Table* as_table(const Value& value);

}  // namespace smtpguard::conf
