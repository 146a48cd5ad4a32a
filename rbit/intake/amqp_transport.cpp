#include "rbit/intake/amqp_transport.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "rbit/base/log.h"
#include "rbit/base/text.h"
#include "rbit/intake/ack_timeout.h"
#include "rbit/intake/amqp_settler.h"

namespace rbit {

using amqp::Answer;
using amqp::Connection;
using amqp::Refusal;

namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds longest_pause{60'000};
constexpr std::chrono::milliseconds least_poll_time{10};  // 0 would never sleep
constexpr std::chrono::seconds settled_after{1};  // then a queue that was in trouble is healthy
constexpr int access_refused = 403, not_found = 404, resource_locked = 405, precondition = 406;
constexpr std::size_t most_odd_closes = 5;  // within:
constexpr std::chrono::minutes odd_closes_span{10};

/// Somebody else has the queue for himself: as its exclusive consumer, or as the connection that an
/// exclusive queue belongs to. It ends when he leaves.
bool is_taken(const Refusal& why) {
  return why.code == resource_locked ||
         (why.code == access_refused && why.text.find("in exclusive use") != std::string::npos);
}

/// A channel's end that is nobody's known doing (RELIABILITY.md 3: other `channel.close`).
bool is_odd(const Refusal& why) {
  return why.code > 0 && why.code != access_refused && why.code != not_found &&
         why.code != resource_locked && why.code != precondition;
}

amqp::ConnectionSettings for_intake(amqp::ConnectionSettings settings, std::size_t queues) {
  // A channel a queue, a few that are thrown away, and the command queue's (RELIABILITY.md 3).
  settings.channel_max = std::max(16, static_cast<int>(queues) + 6);
  settings.only_reads = true;
  return settings;
}

}  // namespace

AmqpTransport::AmqpTransport(const asio::any_io_executor& loop, Clock& clock,
                             AmqpTransportSettings settings, amqp::PublishConnection& publisher)
    : loop_(loop),
      settings_(std::move(settings)),
      copy_(publisher, clock, settings_.worker,
            {settings_.declare != Topology::Declare::no, settings_.quorum}),
      topology_(loop, settings_.declare, settings_.exchange),
      keeper_(loop, for_intake(settings_.connection, settings_.queues.size()), amqp::Voice::loud),
      odd_closes_(most_odd_closes, odd_closes_span),
      changed_(loop),
      look_(loop),
      alive_(std::make_shared<bool>(true)) {}

AmqpTransport::~AmqpTransport() {
  *alive_ = false;
  for (const auto& [name, reader] : readers_) reader->unlink();
}

void AmqpTransport::on_state(std::function<void(bool, const std::string&)> hook) {
  state_hook_ = std::move(hook);
}

void AmqpTransport::on_hopeless(std::function<void(const Error&)> hook) {
  hopeless_hook_ = std::move(hook);
}

void AmqpTransport::on_not_welcome(std::function<void(const Error&)> hook) {
  not_welcome_hook_ = std::move(hook);
}

void AmqpTransport::on_acknowledgement_timeout(std::function<void(milliseconds)> hook) {
  timeout_hook_ = std::move(hook);
}

Delivery AmqpTransport::adopt(Message message) {
  return Delivery(std::move(message), std::make_unique<AdoptedSettler>(copy_));
}

void AmqpTransport::start(std::vector<std::string> queues, std::function<void(Delivery)> deliver) {
  using Way = AmqpReader::Way;
  const Way way = settings_.poll_time   ? Way::look_only
                  : queues.size() == 1u ? Way::consume
                                        : Way::look_first;
  for (const std::string& name : queues) {
    WorkQueue queue{name, ""};
    for (const WorkQueue& known : settings_.queues)
      if (known.name == name) queue = known;
    auto reader = std::make_shared<AmqpReader>(loop_, queue, way, copy_, counters_);
    AmqpReader::Links links;
    links.deliver = deliver;
    links.changed = [this] {
      look_due_ = true;
      look_.notify();
    };
    reader->link(std::move(links));
    readers_[name] = std::move(reader);
  }
  amqp::Keeper::Events events;
  events.up = [this](std::shared_ptr<Connection> connection) { up(std::move(connection)); };
  events.down = [this](const Refusal& why) {
    changed_.notify();
    if (state_hook_) state_hook_(false, why.text);
  };
  events.vain = [this](const Refusal& why) {
    if (state_hook_) state_hook_(false, why.text);
    if (why.login && not_welcome_hook_) not_welcome_hook_(why.error("broker"));
  };
  events.hopeless = [this](const Refusal& why) {
    if (hopeless_hook_) hopeless_hook_(why.error("broker"));
  };
  keeper_.start(std::move(events));
  if (way != Way::consume) spawn(loop_, look_around(), "looking at queues");
}

void AmqpTransport::up(std::shared_ptr<Connection> connection) {
  topology_.connected(connection);
  said_reading_ = false;
  for (const auto& [name, reader] : readers_)
    spawn(loop_, tend(reader, connection), "reading a queue");
  if (state_hook_) state_hook_(true, "");
  if (connection_hook_) connection_hook_(std::move(connection));
}

void AmqpTransport::set_credit(const std::string& queue, int free_slots) {
  const auto found = readers_.find(queue);
  if (found == readers_.end()) return;
  found->second->set_credit(free_slots);
  apply_soon();
}

/// Many changes of one turn of the loop are one change.
void AmqpTransport::apply_soon() {
  if (std::exchange(apply_due_, true)) return;
  asio::post(loop_, [this, alive = alive_] {
    if (!*alive) return;
    apply_due_ = false;
    for (const auto& [name, reader] : readers_) reader->apply();
  });
}

void AmqpTransport::stop_taking() {
  for (const auto& [name, reader] : readers_) reader->stop();
}

Task<void> AmqpTransport::close() {
  closing_ = true;
  stop_taking();
  changed_.notify();
  look_.notify();
  co_await keeper_.close();
  changed_.notify();
  while (busy_ > 0) co_await changed_.wait();
}

Task<void> AmqpTransport::tend(std::shared_ptr<AmqpReader> reader,
                               std::shared_ptr<Connection> connection) {
  ++busy_;
  const std::string name = reader->queue().name;
  log::debug("Connecting to queue with name: " + name);
  std::chrono::milliseconds step = settings_.queue_retry;
  while (connection->is_open() && !closing_) {
    std::optional<SteadyTime> since;
    const Refusal why = co_await read(*reader, connection, since);
    if (!connection->is_open() || closing_) break;
    if (const auto limit = acknowledgement_timeout(why)) {  // 2.5: a new channel at once
      if (timeout_hook_) timeout_hook_(*limit);
      continue;
    }
    note_trouble(name, why);
    if (is_odd(why) && odd_closes_.note(SteadyClock::now())) {
      keeper_.reconnect("five channels closed by the broker, the last one: " + why.text);
      break;
    }
    const bool worked = since && SteadyClock::now() - *since > step;  // for a while: soon again
    std::chrono::milliseconds pause = step;
    step = std::min(step * 2, longest_pause);
    if (worked) {
      step = settings_.queue_retry;
      pause = Backoff(settings_.connection.backoff_base, settings_.connection.backoff_cap).next();
    }
    if (why.code == access_refused) pause = settings_.refused_retry;
    if (is_taken(why)) pause = settings_.locked_retry;
    const auto end = SteadyClock::now() + pause;
    while (connection->is_open() && !closing_) {
      const auto left = end - SteadyClock::now();
      if (left <= SteadyClock::duration::zero()) break;
      co_await changed_.wait_for(left);
    }
  }
  --busy_;
  changed_.notify();
}

/// Reads until it cannot any more, and gives the reason; `since` when it read, if it did.
Task<Refusal> AmqpTransport::read(AmqpReader& reader, std::shared_ptr<Connection> connection,
                                  std::optional<SteadyTime>& since) {
  WorkQueue queue = reader.queue();
  const Answer there = co_await topology_.ensure(connection, std::move(queue));
  if (!there.ok()) co_return *there.refusal;
  if (closing_) co_return Refusal{};
  const std::shared_ptr<amqp::Channel> channel = connection->new_channel();
  std::optional<Refusal> ended;
  reader.attach(channel, [&](const Refusal& why) {
    ended = why;
    changed_.notify();
  });
  note_reading(+1);
  const SteadyTime attached = SteadyClock::now();
  since = attached;
  while (!ended && !closing_) {
    if (!troubles_.contains(reader.queue().name)) {
      co_await changed_.wait();
    } else if (SteadyClock::now() - attached < settled_after) {
      co_await changed_.wait_for(settled_after);
    } else {
      note_health(reader.queue().name);
    }
  }
  note_reading(-1);
  reader.detach(channel);
  const Refusal why = ended.value_or(Refusal{});
  co_return why;
}

void AmqpTransport::note_reading(int change) {
  reading_ += change;
  if (reading_ != static_cast<int>(readers_.size()) || std::exchange(said_reading_, true)) return;
  const std::string poll =
      settings_.poll_time
          ? ", looking every " + std::to_string(settings_.poll_time->count() / 1000) + " s"
          : "";
  log::info("consuming from " + std::to_string(reading_) + " queues" + poll);
}

void AmqpTransport::note_trouble(const std::string& queue, const Refusal& why) {
  std::string& known = troubles_[queue];
  if (known == why.text) return;
  known = why.text;
  const bool taken = is_taken(why);
  const std::string line = "queue " + queue + " cannot be read, " +
                           (taken ? "somebody else has it for himself; trying every few seconds: "
                                  : "trying again: ") +
                           text::one_line(why.text, 300) +
                           (why.cure.empty() ? "" : " (" + why.cure + ")");
  why.code == access_refused && !taken ? log::error(line) : log::warning(line);
}

void AmqpTransport::note_health(const std::string& queue) {
  if (troubles_.erase(queue) > 0) log::info("queue " + queue + " is read again");
}

AmqpReader* AmqpTransport::next_to_look() {
  const auto fits = [](const auto& one) {
    return one.second->wants_a_look() && !one.second->seems_empty();
  };
  const auto after = readers_.upper_bound(last_looked_);
  auto found = std::find_if(after, readers_.end(), fits);
  if (found == readers_.end()) {
    found = std::find_if(readers_.begin(), after, fits);
    if (found == after) return nullptr;
  }
  last_looked_ = found->first;
  return found->second.get();
}

/// Fills free slots by basic.get, one queue after the other; false when nobody wants a look.
Task<bool> AmqpTransport::look_once() {
  AmqpReader* reader = next_to_look();
  if (!reader) co_return false;
  co_await reader->look();
  // Whoever got the message says in this turn or the next what that means for the slots.
  co_await asio::post(loop_, asio::use_awaitable);
  co_return true;
}

Task<void> AmqpTransport::look_around() {
  ++busy_;
  while (!closing_) {
    look_due_ = false;
    const bool looked = co_await look_once();
    if (looked) continue;
    if (!settings_.poll_time) {  // all that have a slot are empty: their next message comes to us
      for (const auto& [name, reader] : readers_)
        if (reader->seems_empty()) reader->subscribe();
      if (!look_due_ && !closing_) co_await look_.wait();
      continue;
    }
    bool asked = look_due_ || closing_;
    if (!asked) asked = co_await look_.wait_for(std::max(*settings_.poll_time, least_poll_time));
    if (asked) continue;
    for (const auto& [name, reader] : readers_) reader->forget_emptiness();
  }
  --busy_;
  changed_.notify();
}

}  // namespace rbit
