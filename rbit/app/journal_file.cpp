#include "rbit/app/journal_file.h"

#include <unistd.h>

#include <chrono>
#include <thread>
#include <utility>

#include "rbit/journal/schema.h"

namespace rbit {

bool has_journal(const std::string& state_dir) {
  return ::access((state_dir + "/rbit.db").c_str(), F_OK) == 0;
}

Error no_journal(const std::string& state_dir) {
  return {state_dir, "has no journal yet", "no rbit ever ran with this configuration"};
}

std::unique_ptr<Database> open_journal_file(const asio::any_io_executor& loop,
                                            const StateDir& state) {
  auto database = Database::open(loop, state.database());
  if (!database) throw Fatal(StateDir::code_of_failure(state.path()), database.error());
  if (const auto upgraded = schema::upgrade(**database); !upgraded)
    throw Fatal(StateDir::code_of_failure(state.path()), upgraded.error());
  return std::move(*database);
}

void do_at_journal(const std::string& state_dir, const std::function<bool()>& by_running,
                   const std::function<void(const StateDir&)>& straight,
                   const std::function<std::string()>& cure) {
  // An rbit that starts or stops just now has the lock but no socket yet, or no more: for a moment.
  constexpr auto patience = std::chrono::seconds(10);
  const auto end = std::chrono::steady_clock::now() + patience;
  for (;;) {
    if (by_running()) return;
    const auto state = StateDir::try_open(state_dir);
    if (state) return straight(*state);
    if (std::chrono::steady_clock::now() > end)
      throw Fatal(ExitCode::temporary,
                  Error{state_dir, "an rbit has it and does not answer", cure()});
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

}  // namespace rbit
