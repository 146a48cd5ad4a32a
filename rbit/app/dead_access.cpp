#include "rbit/app/dead_access.h"

#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "rbit/app/amqp_wiring.h"
#include "rbit/app/control_client.h"
#include "rbit/app/run_alone.h"
#include "rbit/app/state_dir.h"
#include "rbit/base/clock.h"
#include "rbit/base/database.h"
#include "rbit/intake/amqp_copy.h"
#include "rbit/intake/amqp_dead_letters.h"
#include "rbit/intake/kept_dead_letters.h"
#include "rbit/intake/local_dead_letters.h"
#include "rbit/journal/schema.h"
#include "rbit/journal/sqlite_journal.h"

namespace rbit {

namespace {

using Tell = std::function<void(const nlohmann::json&)>;
using nlohmann::json;

constexpr std::chrono::seconds publish_patience(10);

std::vector<std::string> queues_of(const config::Settings& settings) {
  std::vector<std::string> queues;
  for (const auto& mapping : settings.queues) queues.push_back(mapping.queue);
  return queues;
}

TellDead passing_on(const Tell& tell) {
  return [&tell](const json& line) -> Task<bool> {
    tell(line);
    co_return true;
  };
}

bool has_journal(const config::Settings& settings) {
  return ::access((settings.state_dir + "/rbit.db").c_str(), F_OK) == 0;
}

// ---- At a broker

Task<Result<void>> close_publisher(amqp::PublishConnection& publisher) {
  co_await publisher.close();
  co_return Result<void>();
}

Task<Result<void>> close_all(amqp::Connection& connection, amqp::PublishConnection* publisher) {
  if (publisher != nullptr) co_await publisher->close();
  co_await connection.close();
  co_return Result<void>();
}

void do_amqp(const config::Settings& settings, DeadOrder order, const Tell& tell) {
  if (order.queues.empty()) order.queues = queues_of(settings);
  asio::io_context loop;
  std::unique_ptr<amqp::PublishConnection> publisher;
  amqp::ConnectionSettings from = connection_settings(settings, "dead");
  from.only_reads = true;
  const auto connection = std::make_shared<amqp::Connection>(loop.get_executor(), std::move(from));
  const amqp::Answer opened = run_alone(loop, connection->open());  // each host once: now or never
  if (!opened.ok())
    throw Fatal(opened.refusal->login ? ExitCode::no_permission : ExitCode::unavailable,
                opened.refusal->error("broker"));
  AmqpDeadLetters letters(loop.get_executor(), connection, [&]() -> amqp::PublishConnection& {
    if (!publisher)
      publisher = make_publisher(loop.get_executor(), settings, "dead publish", publish_patience);
    return *publisher;
  });
  const SystemClock clock;
  const Result<void> done = run_alone(loop, carry_out(order, letters, clock, passing_on(tell)));
  const bool lost = !connection->is_open();
  (void)run_alone(loop, close_all(*connection, publisher.get()));
  if (!done) throw Fatal(lost ? ExitCode::unavailable : ExitCode::failed, done.error());
}

// ---- By the rbit that runs, or in its file

/// Returns false if no rbit runs, or it ended before it began.
bool do_by_running(const config::Settings& settings, const DeadOrder& order, const Tell& tell) {
  auto client = ControlClient::connect(StateDir::socket(settings.state_dir));
  if (!client) return false;
  json request = to_json(order);
  request["do"] = "dead";
  if (!client->send(request)) return false;
  for (bool first = true;; first = false) {
    const auto line = client->receive();
    if (!line) throw Fatal(ExitCode::failed, line.error());
    if (!*line && first) return false;
    if (!*line)
      throw Fatal(ExitCode::temporary,
                  Error{"the running rbit", "ended before all was done", "ask again"});
    tell(**line);
    if ((*line)->contains("seen")) return true;
  }
}

/// The journal's file, for a process that holds the state directory.
std::unique_ptr<Database> open_database(asio::io_context& loop, const StateDir& state) {
  auto database = Database::open(loop.get_executor(), state.database());
  if (!database) throw Fatal(ExitCode::config, database.error());
  if (const auto upgraded = schema::upgrade(**database); !upgraded)
    throw Fatal(ExitCode::config, upgraded.error());
  return std::move(*database);
}

/// By the rbit that runs or, if none does, by `straight`, which holds its state directory.
void do_here(const config::Settings& settings, const DeadOrder& order, const Tell& tell,
             const std::function<void(const StateDir&)>& straight) {
  // An rbit that starts or stops just now has the lock but no socket yet, or no more: for a moment.
  constexpr auto patience = std::chrono::seconds(10);
  const auto end = std::chrono::steady_clock::now() + patience;
  for (;;) {
    if (do_by_running(settings, order, tell)) return;
    const auto state = StateDir::try_open(settings.state_dir);
    if (state) return straight(*state);
    if (std::chrono::steady_clock::now() > end)
      throw Fatal(ExitCode::temporary,
                  Error{settings.state_dir, "an rbit has it and does not answer",
                        "look at its log; nothing was done"});
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

// ---- What the broker refused

/// Where no rbit runs, what waits in its journal.
void do_kept_straight(const StateDir& state, const config::Settings& settings, DeadOrder order,
                      const Tell& tell) {
  asio::io_context loop;
  const auto database = open_database(loop, state);
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
  if (order.queues.empty()) order.queues = KeptDeadLetters::queues(journal);
  KeptDeadLetters letters(journal, end);
  const Result<void> done = run_alone(loop, carry_out(order, letters, clock, passing_on(tell)));
  if (publisher) (void)run_alone(loop, close_publisher(*publisher));
  if (!done) throw Fatal(ExitCode::failed, done.error());
}

/// Those of `order` that wait at rbit itself: behind those at the broker, of which `seen` fitted.
void do_kept(const config::Settings& settings, DeadOrder order, std::int64_t seen,
             const Tell& tell) {
  if (order.limit > 0) order.limit -= seen;
  const Tell marked = [&](const json& line) {
    json told = line;
    if (line.contains("seen"))
      told["seen"] = line["seen"].get<std::int64_t>() + seen;
    else
      told["kept"] = true;
    tell(told);
  };
  do_here(settings, order, marked,
          [&](const StateDir& state) { do_kept_straight(state, settings, order, marked); });
}

/// All dead letters of a broker's queues.
void do_broker(const config::Settings& settings, DeadOrder order, const Tell& tell) {
  // Who may talk to the broker alone, or from another machine, sees what is there.
  const bool is_ours = has_journal(settings) && ::access(settings.state_dir.c_str(), W_OK) == 0;
  json end;
  do_amqp(settings, order, [&](const json& line) {
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

// ---- On the embedded queue

void do_local_straight(const StateDir& state, const config::Settings& settings, DeadOrder order,
                       const Tell& tell) {
  asio::io_context loop;
  const auto database = open_database(loop, state);
  if (order.queues.empty()) {
    auto all = LocalDeadLetters::queues(*database);
    if (!all) throw Fatal(ExitCode::failed, all.error());
    order.queues = std::move(*all);
  }
  const SystemClock clock;
  LocalDeadLetters letters(*database, clock, queues_of(settings));
  const Result<void> done = run_alone(loop, carry_out(order, letters, clock, passing_on(tell)));
  if (!done) throw Fatal(ExitCode::failed, done.error());
}

void do_local(const config::Settings& settings, const DeadOrder& order, const Tell& tell) {
  if (!has_journal(settings))
    throw Fatal(ExitCode::failed, Error{settings.state_dir, "has no journal yet",
                                        "no rbit ever ran with this configuration"});
  do_here(settings, order, tell,
          [&](const StateDir& state) { do_local_straight(state, settings, order, tell); });
}

}  // namespace

void do_with_the_dead(const config::Settings& settings, DeadOrder order, Tell tell) {
  if (settings.broker.local)
    do_local(settings, order, tell);
  else
    do_broker(settings, std::move(order), tell);
}

}  // namespace rbit
