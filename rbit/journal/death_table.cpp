#include "rbit/journal/death_table.h"

#include "rbit/log/log.h"

namespace rbit {

Result<int> DeathTable::reads(const std::string& key, std::int64_t now, std::int64_t since) {
  auto old = database_.prepare("DELETE FROM reading WHERE time <= ?");
  if (const auto gone = old.bind(since).run(); !gone) return gone.error();
  int deaths = 0;
  {
    auto count = database_.prepare("SELECT count(*) FROM reading WHERE key = ? AND life <> ?");
    const auto counted = count.bind(key).bind(life_).step();
    if (!counted) return counted.error();
    deaths = static_cast<int>(count.integer(0));
  }
  auto mark = database_.prepare("INSERT OR REPLACE INTO reading(key, life, time) VALUES(?, ?, ?)");
  if (const auto marked = mark.bind(key).bind(life_).bind(now).run(); !marked)
    return marked.error();
  return deaths;
}

Result<void> DeathTable::was_read(Database& database, const std::string& key) {
  return database.prepare("DELETE FROM reading WHERE key = ?").bind(key).run();
}

int DeathTable::during(const std::string& key, std::int64_t since) const {
  auto row = database_.prepare(
      "SELECT count(*) FROM attempt a JOIN job j ON j.id = a.job WHERE j.key = ? AND "
      "a.run = j.run AND a.outcome = 'crashed' AND a.reason = 'interrupted' AND a.ended > ?");
  const auto found = row.bind(key).bind(since).step();
  if (!found) log::error("the journal could not be read: " + found.error().text());
  return found && *found ? static_cast<int>(row.integer(0)) : 0;
}

}  // namespace rbit
