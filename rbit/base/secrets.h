#pragma once

#include <string>
#include <string_view>

/// What must never be shown, and how texts lose it on their way to a log, an error, the journal or
/// a report. One list for the process. Any thread.
///
/// A text is hidden first and cut then, or the rest of a secret would be left at the cut:
/// text::one_line and text::shortened do so. What somebody else has cut is `Missing`
/// something.
namespace rbit::secrets {

/// From now on `redacted` hides this text. One of less than 4 bytes is not hidden, nor is "guest":
/// they would black out what is none of theirs, and keep nobody out.
void hide(std::string_view secret);

/// What a text does not have that it once had.
enum class Missing { nothing, beginning, end };

/// `text` with *** for every hidden text and for the user part of every //USER:PASSWORD@HOST. A
/// hidden text is found also with line ends in it, written with %2F, \x2f, \u002f or backslashes,
/// and in base64. Where something is `missing`, so is what may be the rest of one there.
std::string redacted(std::string_view text, Missing missing = Missing::nothing);

/// Overwrites what the string held, and empties it. Copies made before are not reached.
void wipe(std::string& text);

/// The value of an environment variable, which is overwritten and unset: neither what we start nor
/// /proc/PID/environ has it any longer. Empty: there is none.
std::string take_variable(const char* name);

}  // namespace rbit::secrets
