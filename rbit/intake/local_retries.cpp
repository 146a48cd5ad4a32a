// Of rbit/intake/local_transport.h: what is to be tried later, and what never again.
#include <algorithm>
#include <string>
#include <vector>

#include "rbit/core/message_codec.h"
#include "rbit/intake/copy.h"
#include "rbit/intake/local_rows.h"
#include "rbit/intake/local_transport.h"
#include "rbit/log/log.h"

namespace rbit {

namespace {

constexpr std::chrono::milliseconds longest_sleep{60'000};  // the wall clock may be set meanwhile

}  // namespace

/// Sees to it that somebody wakes when the next message is due.
void LocalTransport::arm() {
  auto row = database_.prepare("SELECT min(due) FROM message WHERE due > 0");
  const auto found = row.step();
  if (!found || !*found || row.is_null(0)) return;
  const std::int64_t due = row.integer(0);
  if (alarm_ && *alarm_ <= due) return;
  alarm_ = due;
  spawn(loop_, ripen(due, lifetime_.watch()), "the retries of the embedded queue");
}

Task<void> LocalTransport::ripen(std::int64_t due, Lifetime::Watch alive) {
  const auto pause = std::chrono::ceil<std::chrono::milliseconds>(from_micros(due) - clock_.wall());
  co_await clock_.sleep_for(std::clamp(pause, std::chrono::milliseconds(0), longest_sleep));
  if (alive.is_over() || alarm_ != due) co_return;  // an earlier one took over
  Database::Change change = [this, alive](Database&) {
    return alive.is_over() ? Result<void>() : place_the_due();
  };
  const auto written = co_await database_.write(Durability::process, std::move(change));
  if (alive.is_over()) co_return;
  if (!written) {
    log::error("messages to be tried again stay where they are: " + written.error().text());
    co_await clock_.sleep_for(std::chrono::seconds(5));
    if (alive.is_over()) co_return;
  }
  alarm_.reset();
  for (auto& lane : lanes_) lane.may_have_more = true;
  wake();
  arm();
}

/// A due time is one of the wall clock, for it must outlive us. Where somebody sets that clock, due
/// times are set with it: else an hour back would make a pause of a minute one of an hour.
Result<void> LocalTransport::follow_the_clock() {
  using std::chrono::microseconds;
  constexpr microseconds slack = std::chrono::seconds(1);  // a clock that is slewed is no matter
  const WallTime wall = clock_.wall();
  const SteadyTime steady = clock_.steady();
  const auto set_by = std::chrono::duration_cast<microseconds>(wall - wall_seen_) -
                      std::chrono::duration_cast<microseconds>(steady - steady_seen_);
  wall_seen_ = wall;
  steady_seen_ = steady;
  if (set_by < slack && set_by > -slack) return {};
  alarm_.reset();  // whoever sleeps has the old time
  return database_.run("UPDATE message SET due = max(1, due + ?) WHERE due > 0",
                       std::int64_t{set_by.count()});
}

Result<void> LocalTransport::place_the_due() {
  if (const auto followed = follow_the_clock(); !followed) return followed;
  struct Row {
    std::int64_t id;
    std::string queue;
  };
  std::vector<Row> due;
  {
    auto row = database_.prepare(
        "SELECT id, queue FROM message WHERE due > 0 AND due <= ? ORDER BY due LIMIT 200",
        to_micros(clock_.wall()));
    for (;;) {
      const auto found = row.step();
      if (!found) return found.error();
      if (!*found) break;
      due.push_back({row.integer(0), row.text(1)});
    }
  }
  for (const auto& one : due) {
    const auto place = local_rows::next_place(database_, one.queue, delivered(one.queue));
    if (!place) return place.error();
    const auto placed =
        database_.run("UPDATE message SET due = 0, place = ? WHERE id = ?", *place, one.id);
    if (!placed) return placed;
  }
  return {};
}

/// The message of row `id` as rbit's copies of it are.
Message LocalTransport::copy_for(std::int64_t id, const Message& message,
                                 const Settlement& settlement) {
  const std::int64_t now = to_seconds(clock_.wall());
  CopyMark mark{worker_, now, now};
  auto row = database_.prepare("SELECT first FROM message WHERE id = ?");
  if (const auto found = row.bind(id).step(); found && *found)
    mark.first = to_seconds(from_micros(row.integer(0)));
  return copy_of(message, settlement, mark);
}

Result<void> LocalTransport::write_retry(std::int64_t id, const Message& message,
                                         const Settlement& settlement) {
  if (const auto followed = follow_the_clock(); !followed) return followed;
  const Message copy = copy_for(id, message, settlement);
  const std::string properties = properties_to_json(copy);
  const std::int64_t due = to_micros(clock_.wall() + settlement.delay);
  return database_.run("UPDATE message SET due = ?, properties = ? WHERE id = ?",
                       std::max<std::int64_t>(due, 1), properties, id);
}

Result<void> LocalTransport::write_dead(std::int64_t id, const Message& message,
                                        const Settlement& settlement) {
  const Message copy = copy_for(id, message, settlement);
  const std::string properties = properties_to_json(copy);
  return database_.run(
      "INSERT INTO dead(queue, reason, time, properties, body) VALUES(?, ?, ?, ?, ?)",
      message.queue, settlement.reason, to_micros(clock_.wall()), properties, Blob{message.body});
}

}  // namespace rbit
