#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "rbit/app/state_dir.h"
#include "rbit/base/database.h"
#include "rbit/core/dead_order.h"

namespace rbit {

// How a command, and the rbit that runs, come to the journal's file. All of it throws Fatal.

/// Whether an rbit ever ran there.
bool has_journal(const std::string& state_dir);
/// What a command says if none did.
Error no_journal(const std::string& state_dir);

/// Opens it, brought to the present schema. `state` is held as long as it is open.
std::unique_ptr<Database> open_journal_file(const asio::any_io_executor& loop,
                                            const StateDir& state);

/// Has something done by the rbit that runs or, if none does, by `straight`, which gets the state
/// directory. `by_running` returns false if none runs, or it ended before it answered. `cure` is
/// asked for what to do if an rbit has the directory and does not answer.
void do_at_journal(const std::string& state_dir, const std::function<bool()>& by_running,
                   const std::function<void(const StateDir&)>& straight,
                   const std::function<std::string()>& cure);

}  // namespace rbit
