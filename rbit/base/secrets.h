#pragma once

#include <string>
#include <string_view>

/// What must never be shown, and how texts lose it on their way to a log, an error, the journal or
/// a report (RELIABILITY.md 7, rule 3). One list for the process. Any thread.
namespace rbit::secrets {

/// From now on `redacted` hides this text. One of less than 4 bytes is not hidden, nor is "guest":
/// they would black out what is none of theirs, and keep nobody out.
void hide(std::string_view secret);

/// `text` with *** for every hidden text and for the user part of every //USER:PASSWORD@HOST.
std::string redacted(std::string_view text);

/// Overwrites what the string held, and empties it. Copies made before are not reached.
void wipe(std::string& text);

/// The value of an environment variable, which is overwritten and unset: neither what we start nor
/// /proc/PID/environ has it any longer. Empty: there is none.
std::string take_variable(const char* name);

}  // namespace rbit::secrets
