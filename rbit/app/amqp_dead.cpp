#include "rbit/app/amqp_dead.h"

#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "rbit/app/amqp_wiring.h"
#include "rbit/app/dead_at_journal.h"
#include "rbit/app/run_alone.h"
#include "rbit/intake/amqp_copy.h"
#include "rbit/intake/amqp_dead_letters.h"
#include "rbit/intake/kept_dead_letters.h"
#include "rbit/journal/sqlite_journal.h"

namespace rbit {

namespace {

using nlohmann::json;

constexpr std::chrono::seconds publish_patience(10);

Task<Result<void>> close_publisher(amqp::PublishConnection& publisher) {
  co_await publisher.close();
  co_return Result<void>();
}

Task<Result<void>> close_all(amqp::Connection& connection, amqp::PublishConnection* publisher) {
  if (publisher != nullptr) co_await publisher->close();
  co_await connection.close();
  co_return Result<void>();
}

void do_at_broker(const config::Settings& settings, const DeadOrder& order,
                  const Broker::TellDead& tell) {
  asio::io_context loop;
  std::unique_ptr<amqp::PublishConnection> publisher;
  amqp::ConnectionSettings from = connection_settings(settings, "dead");
  from.only_reads = true;
  const auto connection = std::make_shared<amqp::Connection>(loop.get_executor(), std::move(from));
  const amqp::Answer opened = run_alone(loop, connection->open());  // each host once: now or never
  if (!opened.ok())
    throw Fatal(opened.refusal->login ? ExitCode::no_permission : ExitCode::unavailable,
                opened.refusal->error("broker"));
  AmqpDeadLetters letters(
      loop.get_executor(), connection, settings.queue_names(), [&]() -> amqp::PublishConnection& {
        if (!publisher)
          publisher =
              make_publisher(loop.get_executor(), settings, "dead publish", publish_patience);
        return *publisher;
      });
  const SystemClock clock;
  const Result<void> done = run_alone(loop, carry_out(order, letters, clock, passing_on(tell)));
  const bool lost = !connection->is_open();
  (void)run_alone(loop, close_all(*connection, publisher.get()));
  if (!done) throw Fatal(lost ? ExitCode::unavailable : ExitCode::failed, done.error());
}

/// Where no rbit runs, what waits in its journal.
void do_kept_straight(const StateDir& state, const config::Settings& settings,
                      const DeadOrder& order, const Broker::TellDead& tell) {
  asio::io_context loop;
  const auto database = open_journal_file(loop.get_executor(), state);
  SystemClock clock;
  SqliteJournal journal(*database, clock, {}, settings.name);
  std::unique_ptr<amqp::PublishConnection> publisher;
  const auto end = [&](const std::string& key, std::optional<Message> again) -> Task<Result<void>> {
    if (again) {
      if (!publisher)
        publisher = make_publisher(loop.get_executor(), settings, "dead publish", publish_patience);
      AmqpCopy copy(*publisher, clock, settings.name, {});
      const Settlement fresh = Settlement::requeue(0);
      CopyRefusal refusal = CopyRefusal::none;
      const Result<void> sent = co_await copy.send(*again, fresh, refusal);
      if (!sent) co_return sent;
    }
    co_return co_await journal.settled(key);
  };
  KeptDeadLetters letters(journal, end);
  const Result<void> done = run_alone(loop, carry_out(order, letters, clock, passing_on(tell)));
  if (publisher) (void)run_alone(loop, close_publisher(*publisher));
  if (!done) throw Fatal(ExitCode::failed, done.error());
}

/// Those of `order` that wait at rbit itself: behind those at the broker, of which `seen` fitted.
void do_kept(const config::Settings& settings, DeadOrder order, std::int64_t seen,
             const Broker::TellDead& tell) {
  if (order.limit > 0) order.limit -= seen;
  const Broker::TellDead marked = [&](const json& line) {
    json told = line;
    if (line.contains("seen"))
      told["seen"] = line["seen"].get<std::int64_t>() + seen;
    else
      told["kept"] = true;
    tell(told);
  };
  do_with_the_dead_here(settings, order, marked, [&](const StateDir& state) {
    do_kept_straight(state, settings, order, marked);
  });
}

}  // namespace

void do_with_the_dead_at_broker(const config::Settings& settings, DeadOrder order,
                                const Broker::TellDead& tell) {
  // Who may talk to the broker alone, or from another machine, sees what is there.
  const bool is_ours =
      has_journal(settings.state_dir) && ::access(settings.state_dir.c_str(), W_OK) == 0;
  json end;
  do_at_broker(settings, order, [&](const json& line) {
    if (line.contains("seen"))
      end = line;
    else
      tell(line);
  });
  const std::int64_t seen = end["seen"].get<std::int64_t>();
  const bool full = order.limit > 0 && seen >= order.limit;  // 0 would be no limit
  if (is_ours && !full)
    do_kept(settings, std::move(order), seen, tell);
  else
    tell(end);
}

}  // namespace rbit
