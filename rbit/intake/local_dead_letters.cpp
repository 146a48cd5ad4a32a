#include "rbit/intake/local_dead_letters.h"

#include <algorithm>
#include <utility>

#include "rbit/core/message_codec.h"
#include "rbit/intake/copy.h"
#include "rbit/intake/local_rows.h"

namespace rbit {

class LocalDeadLetters::Row : public Letter {
 public:
  Row(LocalDeadLetters& all, std::int64_t id, Message message)
      : all_(all), id_(id), message_(std::move(message)) {}

  const Message& message() const override { return message_; }

  Task<Result<void>> replay(Message fresh) override {
    const auto& known = all_.queues_;
    if (std::find(known.begin(), known.end(), fresh.queue) == known.end())
      co_return Error{"queue " + fresh.queue, "no runner of this configuration takes from it",
                      "add it to [rbit] queue-mappings"};
    const std::int64_t time = to_micros(all_.clock_.wall());
    Database::Change change = [&](Database& in) -> Result<void> {
      if (const auto put = local_rows::insert(in, time, fresh); !put) return put;
      return remove(in);
    };
    const auto written = co_await all_.database_.write(Durability::power, std::move(change));
    if (!written) co_return written.error();
    if (all_.replayed_) all_.replayed_(fresh.queue);
    co_return Result<void>();
  }

  Task<Result<void>> drop() override {
    Database::Change change = [&](Database& in) { return remove(in); };
    co_return co_await all_.database_.write(Durability::process, std::move(change));
  }

 private:
  Result<void> remove(Database& in) const { return in.run("DELETE FROM dead WHERE id = ?", id_); }

  LocalDeadLetters& all_;
  std::int64_t id_;
  Message message_;
};

LocalDeadLetters::LocalDeadLetters(Database& database, const Clock& clock,
                                   std::vector<std::string> queues,
                                   std::function<void(const std::string&)> replayed)
    : database_(database),
      clock_(clock),
      queues_(std::move(queues)),
      replayed_(std::move(replayed)) {}

Task<Result<void>> LocalDeadLetters::walk(const std::string& queue, const Visit& visit) {
  std::int64_t last = 0;
  {
    auto row = database_.prepare("SELECT coalesce(max(id), 0) FROM dead");
    const auto found = row.step();
    if (!found) co_return found.error();
    last = row.integer(0);
  }
  for (std::int64_t id = 0;;) {
    Message message;
    message.queue = queue;
    {  // no statement may live while somebody waits
      auto row = database_.prepare(
          "SELECT id, reason, time, properties, body FROM dead "
          "WHERE id > ? AND id <= ? AND queue = ? ORDER BY id LIMIT 1");
      const auto found = row.bind(id).bind(last).bind(queue).step();
      if (!found) co_return found.error();
      if (!*found) co_return Result<void>();
      id = row.integer(0);
      properties_from_json(row.text(3), message);
      message.headers.try_emplace(copy_header::reason, row.text(1));
      message.headers.try_emplace(copy_header::died, to_seconds(from_micros(row.integer(2))));
      message.body = row.blob(4);
      message.size = message.body.size();
    }
    Row letter(*this, id, std::move(message));
    const bool more = co_await visit(letter);
    if (!more) co_return Result<void>();
  }
}

Result<std::vector<std::string>> LocalDeadLetters::queues() const {
  std::vector<std::string> queues;
  auto row = database_.prepare("SELECT DISTINCT queue FROM dead ORDER BY queue");
  for (;;) {
    const auto found = row.step();
    if (!found) return found.error();
    if (!*found) return queues;
    queues.push_back(row.text(0));
  }
}

}  // namespace rbit
