#include "rbit/journal/pause_table.h"

#include <utility>

namespace rbit {

Result<std::map<std::string, std::int64_t>> PauseTable::all() const {
  std::map<std::string, std::int64_t> paused;
  auto row = database_.prepare("SELECT queue, time FROM pause");
  for (;;) {
    const auto found = row.step();
    if (!found) return found.error();
    if (!*found) return paused;
    paused[row.text(0)] = row.integer(1);
  }
}

Task<Result<void>> PauseTable::add(const std::vector<std::string>& queues, std::int64_t now) {
  Database::Change change = [&queues, now](Database& in) -> Result<void> {
    for (const std::string& queue : queues)
      if (const auto put =
              in.run("INSERT OR IGNORE INTO pause(queue, time) VALUES(?, ?)", queue, now);
          !put)
        return put;
    return {};
  };
  co_return co_await database_.write(Durability::power, std::move(change));
}

Task<Result<void>> PauseTable::remove(const std::vector<std::string>& queues) {
  Database::Change change = [&queues](Database& in) -> Result<void> {
    for (const std::string& queue : queues)
      if (const auto gone = in.run("DELETE FROM pause WHERE queue = ?", queue); !gone) return gone;
    return {};
  };
  co_return co_await database_.write(Durability::power, std::move(change));
}

}  // namespace rbit
