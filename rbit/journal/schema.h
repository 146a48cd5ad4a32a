#pragma once

#include "rbit/base/database.h"
#include "rbit/base/result.h"

namespace rbit::schema {

/// The schema this rbit writes; what a file has stands in its `PRAGMA user_version`.
int newest();

/// Makes a new file's tables as that version had them: for tests of what leads on from there.
Result<void> make(Database& database, int version);

/// Makes a new file's tables, or brings an older file forward, one numbered step after another and
/// all in one transaction, after a copy beside it: FILE.before-N, N being the version it goes to.
/// Checks the file first. An Error: damaged, of a newer rbit, or not writable; nothing was changed
/// then. Everybody who uses the file calls this first.
Result<void> upgrade(Database& database);

}  // namespace rbit::schema
