#include "rbit/intake/local_counts.h"

namespace rbit {

namespace {

/// A trigger's own statements name no database: `queue_count` is found among the temporary tables.
constexpr const char* keep = R"sql(
BEGIN;
CREATE TEMP TABLE queue_count(
  queue TEXT PRIMARY KEY,
  due INTEGER NOT NULL DEFAULT 0,
  dead INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
INSERT INTO queue_count(queue, due)
  SELECT queue, count(*) FROM message WHERE due > 0 GROUP BY queue;
INSERT INTO queue_count(queue, dead) SELECT queue, count(*) FROM dead WHERE true GROUP BY queue
  ON CONFLICT(queue) DO UPDATE SET dead = excluded.dead;
CREATE TEMP TRIGGER count_message AFTER INSERT ON main.message WHEN new.due > 0 BEGIN
  INSERT INTO queue_count(queue, due) VALUES(new.queue, 1)
    ON CONFLICT(queue) DO UPDATE SET due = due + 1;
END;
CREATE TEMP TRIGGER count_delay AFTER UPDATE OF due ON main.message
  WHEN (old.due > 0) <> (new.due > 0) BEGIN
  INSERT INTO queue_count(queue, due) VALUES(new.queue, (new.due > 0) - (old.due > 0))
    ON CONFLICT(queue) DO UPDATE SET due = due + excluded.due;
END;
CREATE TEMP TRIGGER count_no_message AFTER DELETE ON main.message WHEN old.due > 0 BEGIN
  UPDATE queue_count SET due = due - 1 WHERE queue = old.queue;
END;
CREATE TEMP TRIGGER count_dead AFTER INSERT ON main.dead BEGIN
  INSERT INTO queue_count(queue, dead) VALUES(new.queue, 1)
    ON CONFLICT(queue) DO UPDATE SET dead = dead + 1;
END;
CREATE TEMP TRIGGER count_no_dead AFTER DELETE ON main.dead BEGIN
  UPDATE queue_count SET dead = dead - 1 WHERE queue = old.queue;
END;
COMMIT;
)sql";

}  // namespace

/// A database that fell sick is opened anew, and then has none of this.
Result<bool> LocalCounts::is_kept() const {
  auto row = database_.prepare("SELECT 1 FROM sqlite_temp_master WHERE name = 'queue_count'");
  return row.step();
}

Result<void> LocalCounts::begin() {
  const auto made = database_.execute(keep);
  if (!made) (void)database_.execute("ROLLBACK");
  return made;
}

Result<std::map<std::string, LocalCounts::Count>> LocalCounts::all() {
  const auto kept = is_kept();
  if (!kept) return kept.error();
  if (!*kept)
    if (const auto made = begin(); !made) return made.error();
  std::map<std::string, Count> counts;
  auto row = database_.prepare("SELECT queue, due, dead FROM queue_count");
  for (;;) {
    const auto found = row.step();
    if (!found) return found.error();
    if (!*found) return counts;
    counts[row.text(0)] = {row.integer(1), row.integer(2)};
  }
}

}  // namespace rbit
