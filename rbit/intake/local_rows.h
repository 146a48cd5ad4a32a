#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "rbit/base/database.h"
#include "rbit/core/message.h"
#include "rbit/core/queue_count.h"
#include "rbit/core/queued_message.h"

/// The messages of the embedded queue as rows of table `message`.
namespace rbit::local_rows {

/// Where a message of `queue` goes next: behind everything that is, or was delivered from, the
/// queue. How far it was delivered is `behind`, or what is on record of that if it is 0.
Result<std::int64_t> next_place(Database& database, const std::string& queue, std::int64_t behind);

/// Puts a message into its queue, as part of a Change; `time` in microseconds since 1970. `behind`
/// as there.
Result<void> insert(Database& database, std::int64_t time, const Message& message,
                    std::int64_t behind = 0);

/// Reads "id, properties, body" of a row. Of a body above the size limit only the start.
Message read_message(const Statement& row, const std::string& queue);

/// Counts what is in a queue, with a look at each message.
QueueCount count(Database& database, const std::string& queue);
/// When the first of its messages comes that wait for their time, microseconds since 1970; 0: none.
std::int64_t next_due(Database& database, const std::string& queue);
/// Tells of the messages of a queue as Broker::queued_in does. A message is read when it is told.
void queued(Database& database, const std::string& queue, const TellQueued& tell);

}  // namespace rbit::local_rows
