#include "rbit/intake/local_rows.h"

#include "rbit/amqp/protocol.h"
#include "rbit/base/text.h"
#include "rbit/core/message_codec.h"

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

}  // namespace rbit::local_rows
