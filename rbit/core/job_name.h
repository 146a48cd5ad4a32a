#pragma once

#include <string>
#include <string_view>

namespace rbit {

/// A file name for somebody's text: of a-z, 0-9, '_', '-' and '.', and of '~' where the text itself
/// would not do; at most 81 bytes. Two texts never have one name, not on a disk either that does
/// not tell small letters from capitals.
std::string file_name_of(std::string_view text);

/// A file name for what belongs to one job: of its queue and its key, with a '+' between. Two jobs
/// never have one name.
std::string job_name_of(std::string_view queue, std::string_view key);

/// What the cancel of a job is called on record that goes by its key. No number of PyBit's is so.
inline std::string cancel_of(const std::string& key) {
  return "key:" + key;
}

}  // namespace rbit
