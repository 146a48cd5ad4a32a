#pragma once

struct sqlite3;

/// What SQLite's return codes mean for us, extended ones too.
namespace rbit::sqlite {

/// What helps; "" if nothing is known to.
const char* cure_of(int code);

/// After these the connection is not to be believed (S4).
bool makes_sick(int code);

/// What the system said; for other codes SQLite still has what it said the time before.
int system_errno(sqlite3* handle, int code);

}  // namespace rbit::sqlite
