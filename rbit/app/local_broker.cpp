#include <boost/asio/io_context.hpp>
#include <nlohmann/json.hpp>
#include <utility>

#include "rbit/app/brokers.h"
#include "rbit/app/dead_at_journal.h"
#include "rbit/app/local_submit.h"
#include "rbit/app/run_alone.h"
#include "rbit/intake/local_counts.h"
#include "rbit/intake/local_dead_letters.h"
#include "rbit/intake/local_rows.h"
#include "rbit/intake/local_transport.h"
#include "rbit/log/log.h"

namespace rbit {

namespace {

class LiveLocalBroker : public LiveBroker {
 public:
  LiveLocalBroker(const asio::any_io_executor& loop, Database& database, Clock& clock,
                  std::string worker)
      : database_(database),
        clock_(clock),
        transport_(loop, database, clock, std::move(worker)),
        counts_(database) {}

  void listen(BrokerNews) override {}  // it is always there
  Transport& transport() override { return transport_; }
  std::unique_ptr<ReportSink> status_sink() override { return nullptr; }
  Enqueue enqueue() override {
    return [this](const Publication& publication, const std::string& message_id) {
      return transport_.enqueue(publication, message_id);
    };
  }
  std::unique_ptr<ReportSink> publication_sink() override { return nullptr; }
  std::string mistake_of(const Destination& to) const override { return transport_.mistake_of(to); }
  void take_cancels(Cancel) override {}
  void opened() override { log::info("consuming from the embedded queue"); }
  Task<void> close_cancels() override { co_return; }
  std::optional<CopyLinks> copy_links() override { return std::nullopt; }

  Task<Result<std::string>> submit(Message message, std::chrono::milliseconds delay) override {
    return transport_.submit(std::move(message), delay);
  }
  bool has(const std::string& message_id) const override {
    return LocalTransport::has(database_, message_id);
  }
  std::unique_ptr<DeadLetters> dead_letters() override {
    return std::make_unique<LocalDeadLetters>(
        database_, clock_, transport_.queues(),
        [this](const std::string& queue) { transport_.look_again(queue); });
  }

  BrokerState state() const override { return {true, "", "the embedded queue", std::nullopt}; }
  std::string name() const override { return "local:"; }
  std::map<std::string, std::string> unread_queues(std::chrono::milliseconds) const override {
    return {};
  }
  Task<QueueCounts> count_queues(std::chrono::milliseconds) override {
    QueueCounts counts;
    const auto later = counts_.all();
    for (const std::string& queue : transport_.queues()) {
      QueueCount& count = counts[queue];
      count.waiting = transport_.deliverable(queue);
      if (!later) continue;
      const auto its = later->find(queue);
      count.due = its == later->end() ? 0 : its->second.due;
      count.dead = its == later->end() ? 0 : its->second.dead;
    }
    co_return counts;
  }
  Task<void> close() override { return transport_.close(); }

 private:
  Database& database_;
  Clock& clock_;
  LocalTransport transport_;
  LocalCounts counts_;
};

class LocalBroker : public Broker {
 public:
  explicit LocalBroker(const config::Settings& settings) : settings_(settings) {}

  const BrokerTraits& traits() const override { return traits_; }
  std::string retry_place(const std::string&, std::chrono::milliseconds) const override {
    return "the embedded queue";
  }

  void submit(MessageSource& messages, std::chrono::milliseconds delay,
              std::size_t& safe) const override {
    submit_here(settings_, messages, delay, safe);
  }
  JobAnswer ask(Message message, std::chrono::milliseconds delay,
                std::optional<std::chrono::milliseconds> patience) const override {
    return ask_here(settings_, std::move(message), delay, patience);
  }

  void do_with_the_dead(DeadOrder order, const TellDead& tell) const override {
    if (!has_journal(settings_.state_dir))
      throw Fatal(ExitCode::failed, no_journal(settings_.state_dir));
    do_with_the_dead_here(settings_, order, tell, [&](const StateDir& state) {
      asio::io_context loop;
      const auto database = open_journal_file(loop.get_executor(), state);
      const SystemClock clock;
      LocalDeadLetters letters(*database, clock, settings_.queue_names());
      const auto done = run_alone(loop, carry_out(order, letters, clock, passing_on(tell)));
      if (!done) throw Fatal(ExitCode::failed, done.error());
    });
  }

  QueueCounts counts_in(Database& database) const override {
    QueueCounts counts;
    for (const std::string& queue : settings_.queue_names())
      counts[queue] = local_rows::count(database, queue);
    return counts;
  }
  std::int64_t next_due_in(Database& database, const std::string& queue) const override {
    return local_rows::next_due(database, queue);
  }
  void queued_in(Database& database, const std::string& queue,
                 const TellQueued& tell) const override {
    local_rows::queued(database, queue, tell);
  }
  std::string address() const override { return "local:"; }
  void check(Findings&) const override {}  // its file is looked at with the other places
  void check_live(std::optional<int>, Findings&) const override {}

  std::unique_ptr<LiveBroker> open(const asio::any_io_executor& loop, Clock& clock,
                                   Database& database) const override {
    return std::make_unique<LiveLocalBroker>(loop, database, clock, settings_.name);
  }

 private:
  const config::Settings& settings_;
  const BrokerTraits traits_;
};

}  // namespace

std::unique_ptr<Broker> make_local_broker(const config::Settings& settings) {
  return std::make_unique<LocalBroker>(settings);
}

}  // namespace rbit
