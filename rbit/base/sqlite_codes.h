#pragma once

struct sqlite3;

/// What SQLite's return codes mean for us, extended ones too.
namespace rbit::sqlite {

/// What helps; "" if nothing is known to.
const char* cure_of(int code);

/// Returns whether the connection is not to be believed after this code (rbit/doc/traps.rst,
/// sqlite-failed-sync).
bool makes_sick(int code);

/// What the system said; for other codes SQLite still has what it said the time before.
int system_errno(sqlite3* handle, int code);

}  // namespace rbit::sqlite
