#include "rbit/intake/local_rows.h"

#include "rbit/amqp/protocol.h"
#include "rbit/base/text.h"
#include "rbit/core/message_codec.h"
#include "rbit/log/log.h"

namespace rbit::local_rows {

Result<std::int64_t> next_place(Database& database, const std::string& queue, std::int64_t behind) {
  auto row = database.prepare(
      "SELECT 1 + max(coalesce((SELECT max(place) FROM message WHERE queue = ?1 AND due = 0), 0), "
      "iif(?2 > 0, ?2, coalesce((SELECT place FROM message_cursor WHERE queue = ?1), 0)))");
  const auto found = row.bind(queue).bind(behind).step();
  if (!found) return found.error();
  return row.integer(0);
}

Result<void> insert(Database& database, std::int64_t time, const Message& message,
                    std::int64_t behind) {
  const auto place = next_place(database, message.queue, behind);
  if (!place) return place.error();
  const std::string properties = properties_to_json(message);
  return database.run(
      "INSERT INTO message(queue, place, first, properties, body) VALUES(?, ?, ?, ?, ?)",
      message.queue, *place, time, properties, Blob{message.body});
}

Message read_message(const Statement& row, const std::string& queue) {
  Message message;
  message.queue = queue;
  properties_from_json(row.text(1), message);
  const std::string_view body = row.view(2);
  message.size = body.size();
  message.oversized = body.size() > amqp::max_body;
  message.body = std::string(body.substr(0, message.oversized ? amqp::kept_body : body.size()));
  message.sha256 = message.oversized ? text::sha256_hex(body) : "";
  return message;
}

QueueCount count(Database& database, const std::string& queue) {
  auto row = database.prepare(
      "SELECT (SELECT count(*) FROM message WHERE queue = ?1 AND due = 0), (SELECT count(*) FROM "
      "message WHERE queue = ?1 AND due > 0), (SELECT count(*) FROM dead WHERE queue = ?1)",
      queue);
  QueueCount count;
  const auto found = row.step();
  if (!found || !*found) return count;
  count.waiting = row.integer(0);
  count.due = row.integer(1);
  count.dead = row.integer(2);
  return count;
}

std::int64_t next_due(Database& database, const std::string& queue) {
  auto row = database.prepare(
      "SELECT due FROM message WHERE due > 0 AND queue = ? ORDER BY due LIMIT 1", queue);
  const auto found = row.step();
  return found && *found ? row.integer(0) : 0;
}

void queued(Database& database, const std::string& queue, const TellQueued& tell) {
  for (const char* which : {"due = 0 ORDER BY place", "due > 0 ORDER BY due"}) {
    auto row = database.prepare(
        "SELECT id, properties, body, first, due, place <= coalesce((SELECT place FROM "
        "message_cursor WHERE queue = ?1), 0) FROM message WHERE queue = ?1 AND " +
            std::string(which),
        queue);
    auto found = row.step();
    for (; found && *found; found = row.step()) {
      QueuedMessage one;
      one.message = read_message(row, queue);
      row.read(3, one.since, one.again, one.was_delivered);
      if (!tell(one)) break;
    }
    if (!found) log::error("the embedded queue could not be read: " + found.error().text());
  }
}

}  // namespace rbit::local_rows
