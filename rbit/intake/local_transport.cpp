#include "rbit/intake/local_transport.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "rbit/base/random.h"
#include "rbit/base/text.h"
#include "rbit/core/destination.h"
#include "rbit/intake/local_rows.h"
#include "rbit/log/log.h"

namespace rbit {

namespace {

constexpr std::chrono::milliseconds read_pause{1'000};  // after a read in vain
constexpr int most_a_turn = 100;                        // deliveries

Error no_such_queue(const std::string& queue, const std::vector<std::string>& queues) {
  return {"queue " + text::one_line(queue, 200), "no runner of this configuration takes from it",
          queues.empty() ? "the configuration has no queues"
                         : "its queues: " + text::join(queues, ", ")};
}

}  // namespace

/// `id`: the message's row. None: a broker had the message once, before the configuration named the
/// embedded queue.
class LocalTransport::RowSettler : public Settler {
 public:
  RowSettler(LocalTransport& transport, std::optional<std::int64_t> id, std::string queue)
      : transport_(&transport),
        alive_(transport.lifetime_.watch()),
        id_(id),
        queue_(std::move(queue)) {}

  bool is_void() const override { return alive_.is_over(); }
  Task<Result<void>> settle(const Message& message, const Settlement& settlement) override {
    if (is_void()) co_return Error{"queue " + queue_, "the embedded queue is closed", ""};
    co_return co_await transport_->settle(id_, message, settlement);
  }
  /// The queue and the journal are one file: a message is ours from the start.
  Task<Result<void>> acknowledge(const Message&) override { co_return Result<void>(); }
  void requeue() override {
    if (id_ && !is_void()) transport_->came_back(queue_, *id_);
  }

 private:
  LocalTransport* transport_;
  Lifetime::Watch alive_;
  std::optional<std::int64_t> id_;
  std::string queue_;
};

LocalTransport::LocalTransport(const asio::any_io_executor& loop, Database& database, Clock& clock,
                               std::string worker)
    : loop_(loop),
      database_(database),
      clock_(clock),
      worker_(std::move(worker)),
      wall_seen_(clock.wall()),
      steady_seen_(clock.steady()) {}

LocalTransport::~LocalTransport() = default;

// ---- Submitting

Task<Result<std::string>> LocalTransport::submit(Message message, std::chrono::milliseconds delay) {
  const std::string queue = message.queue;
  const Lifetime::Watch alive = lifetime_.watch();
  auto key = co_await submit_straight(database_, clock_, queues(), std::move(message),
                                      delivered(queue), delay);
  if (!key || alive.is_over()) co_return key;
  if (delay.count() > 0) arm();
  look_again(queue);
  co_return key;
}

std::vector<std::string> LocalTransport::queues() const {
  std::vector<std::string> queues;
  for (const auto& lane : lanes_)
    if (lane.is_read) queues.push_back(lane.queue);
  return queues;
}

void LocalTransport::look_again(const std::string& queue) {
  if (Lane* lane = lane_of(queue)) lane->may_have_more = true;
  wake();
}

bool LocalTransport::has(Database& database, const std::string& message_id) {
  auto row = database.prepare(
      "SELECT 1 FROM job WHERE key = ?1 OR substr(key, 1, length(?1) + 1) = ?1 || '#' "
      "UNION ALL SELECT 1 FROM message WHERE json_extract(properties, '$.message_id') = ?1 "
      "UNION ALL SELECT 1 FROM dead WHERE json_extract(properties, '$.message_id') = ?1");
  const auto found = row.bind(message_id).step();
  return found && *found;
}

Task<Result<std::string>> LocalTransport::submit_straight(Database& database, const Clock& clock,
                                                          std::vector<std::string> queues,
                                                          Message message, std::int64_t behind,
                                                          std::chrono::milliseconds delay) {
  if (std::find(queues.begin(), queues.end(), message.queue) == queues.end())
    co_return no_such_queue(message.queue, queues);
  if (message.message_id.empty()) message.message_id = random_uuid();
  const std::int64_t time = to_micros(clock.wall());
  Database::Change change = [&](Database& in) -> Result<void> {
    const auto made = local_rows::insert(in, time, message, behind);
    if (!made || delay.count() == 0) return made;
    return in.run("UPDATE message SET due = ? WHERE id = ?", to_micros(clock.wall() + delay),
                  in.last_insert_id());
  };
  const auto written = co_await database.write(Durability::power, std::move(change));
  if (!written) co_return written.error();
  co_return key_of(message);
}

// ---- Publishing

std::string LocalTransport::mistake_of(const Destination& to) const {
  if (!to.exchange.empty())
    return "the embedded queue has no exchanges (publish to :QUEUE, or name a broker in [amqp] "
           "url)";
  const auto known = queues();
  if (std::find(known.begin(), known.end(), to.key) != known.end()) return "";
  Error why = no_such_queue(to.key, known);
  why.thing.clear();
  return why.text();
}

Result<void> LocalTransport::enqueue(const Publication& publication,
                                     const std::string& message_id) {
  if (const std::string mistake = mistake_of(publication.to); !mistake.empty()) {
    // Checked before; a configuration that has changed since must not hold the verdict up.
    const std::string what = "message " + text::one_line(message_id, 300) + " to " +
                             written(publication.to) + " is dropped: " + mistake;
    publication.is_reply ? log::info(what) : log::error(what);
    return {};
  }
  Message message;
  static_cast<MessageProperties&>(message) = publication.properties;
  message.queue = message.routing_key = publication.to.key;
  message.message_id = message_id;
  message.body = publication.body;
  const auto made =
      local_rows::insert(database_, to_micros(clock_.wall()), message, delivered(message.queue));
  if (!made) return made;
  if (publication.delay.count() > 0) {
    const std::int64_t id = database_.last_insert_id();
    if (const auto followed = follow_the_clock(); !followed) return followed;
    const std::int64_t due = to_micros(clock_.wall() + publication.delay);
    const auto later = database_.run("UPDATE message SET due = ? WHERE id = ?", due, id);
    if (!later) return later;
  }
  // After that commit, whether it succeeded or not; then there is nothing to find.
  asio::post(loop_, [this, queue = message.queue, alive = lifetime_.watch()] {
    if (alive.is_over()) return;
    look_again(queue);
    arm();
  });
  return {};
}

// ---- Delivering

void LocalTransport::start(std::vector<std::string> queues, std::function<void(Delivery)> deliver) {
  deliver_ = std::move(deliver);
  for (const auto& queue : queues) add_queue(queue);
  taking_ = true;
  wake();
  arm();
}

void LocalTransport::add_queue(const std::string& queue) {
  log::debug("Connecting to queue with name: " + queue);
  if (Lane* known = lane_of(queue)) {  // it was read before
    known->is_read = known->may_have_more = true;
    return;
  }
  Lane lane;
  lane.queue = queue;
  lane.cursor_before = noted_cursor(queue);
  lane_numbers_[queue] = lanes_.size();
  lanes_.push_back(std::move(lane));
}

/// Its lane stays, for messages that are out and for how far it was delivered.
void LocalTransport::remove_queue(const std::string& queue) {
  Lane* lane = lane_of(queue);
  if (lane == nullptr) return;
  lane->is_read = false;
  lane->credit = 0;
}

void LocalTransport::set_credit(const std::string& queue, Credit credit) {
  Lane* lane = lane_of(queue);
  if (lane == nullptr) return;
  lane->credit = credit.all();
  if (lane->credit > 0) wake();
}

void LocalTransport::stop_taking() {
  taking_ = false;
}

Task<void> LocalTransport::close() {
  taking_ = false;
  note_cursors_exactly();
  lifetime_.end();  // every token is void from here; the rows are still there
  co_return;
}

std::int64_t LocalTransport::waiting(const std::string& queue) const {
  auto row = database_.prepare("SELECT count(*) FROM message WHERE queue = ?");
  const auto found = row.bind(queue).step();
  if (!found || !*found) return 0;
  for (const Lane& lane : lanes_)
    if (lane.queue == queue)
      return row.integer(0) - lane.out - static_cast<std::int64_t>(lane.leaving.size());
  return row.integer(0);
}

/// Places rise by one, so their difference is a number of messages, but for the places that
/// `note_cursor` is ahead by. In the part that an earlier life delivered, few rows are left.
std::int64_t LocalTransport::deliverable(const std::string& queue) const {
  const auto number = lane_numbers_.find(queue);
  if (number == lane_numbers_.end()) return 0;
  constexpr std::int64_t few = 20, many = 1000;
  const Lane& lane = lanes_[number->second];
  const auto returned = static_cast<std::int64_t>(lane.returned.size());
  const auto count = [&](std::int64_t up_to, std::int64_t most) -> std::int64_t {
    auto row = database_.prepare(
        "SELECT count(*) FROM (SELECT 1 FROM message WHERE queue = ? AND due = 0 AND place > ? AND "
        "place <= ? LIMIT ?)",
        queue, lane.cursor, up_to, most);
    const auto found = row.step();
    return found && *found ? row.integer(0) : 0;
  };
  const std::int64_t near = count(INT64_MAX, few);
  if (near < few) return near + returned;
  const std::int64_t fresh = std::max(lane.cursor, lane.cursor_before);
  const std::int64_t stale = lane.cursor < fresh ? count(fresh, many) : 0;
  auto row = database_.prepare("SELECT max(place) FROM message WHERE queue = ? AND due = 0", queue);
  const auto found = row.step();
  const std::int64_t last = found && *found ? row.integer(0) : 0;
  return std::max(near, stale + std::max<std::int64_t>(0, last - fresh)) + returned;
}

LocalTransport::Lane* LocalTransport::lane_of(const std::string& queue) {
  const auto number = lane_numbers_.find(queue);
  return number == lane_numbers_.end() ? nullptr : &lanes_[number->second];
}

std::int64_t LocalTransport::delivered(const std::string& queue) {
  const Lane* lane = lane_of(queue);
  return lane == nullptr ? 0 : std::max(lane->cursor, lane->cursor_before);
}

void LocalTransport::wake() {
  if (pump_due_) return;
  pump_due_ = true;
  asio::post(loop_, [this, alive = lifetime_.watch()] {
    if (!alive.is_over()) pump();
  });
}

/// One message of each queue in turn, until nothing is left that is both there and welcome. The
/// loop has others to serve: what comes back at once, and is welcome again, comes in another turn.
void LocalTransport::pump() {
  pump_due_ = false;
  int left = most_a_turn;
  for (bool some = true; some && taking_ && left > 0;) {
    some = false;
    for (std::size_t i = 0; i < lanes_.size() && taking_ && left > 0; ++i)
      if (deliver_one(lanes_[(first_ + i) % lanes_.size()])) {
        some = true;
        --left;
      }
    if (!lanes_.empty()) first_ = (first_ + 1) % lanes_.size();
  }
  if (left == 0) wake();
}

/// Nothing else need happen until then: the message may be the last one for hours.
void LocalTransport::read_again_later(const Error& why) {
  if (std::exchange(reads_later_, true)) return;
  log::error("the embedded queue could not be read, trying again: " + why.text());
  spawn(loop_, read_again(lifetime_.watch()), "reading the embedded queue again");
}

Task<void> LocalTransport::read_again(Lifetime::Watch alive) {
  co_await clock_.sleep_for(read_pause);
  if (alive.is_over()) co_return;
  reads_later_ = false;
  wake();
}

bool LocalTransport::deliver_one(Lane& lane) {
  if (lane.credit <= 0) return false;
  auto taken = take(lane);
  if (!taken) return false;
  --lane.credit;
  ++lane.out;
  auto settler = std::make_unique<RowSettler>(*this, taken->id, lane.queue);
  deliver_(Delivery(std::move(taken->message), std::move(settler)));
  return true;
}

std::optional<LocalTransport::Taken> LocalTransport::take(Lane& lane) {
  if (!lane.may_have_more) return take_returned(lane);
  std::int64_t place = 0;
  Taken taken;
  {
    auto row = database_.prepare(
        "SELECT id, properties, body, place FROM message WHERE queue = ? AND due = 0 AND "
        "place > ? ORDER BY place LIMIT 1");
    const auto found = row.bind(lane.queue).bind(lane.cursor).step();
    if (!found) {
      read_again_later(found.error());
      return std::nullopt;
    }
    lane.may_have_more = *found;
    if (*found) place = row.integer(3);
    if (!*found || (!lane.returned.empty() && lane.returned.front().behind < place))
      return take_returned(lane);
    taken.id = row.integer(0);
    taken.message = local_rows::read_message(row, lane.queue);
  }
  taken.message.redelivered = place <= lane.cursor_before;
  note_cursor(lane, place);
  return taken;
}

std::optional<LocalTransport::Taken> LocalTransport::take_returned(Lane& lane) {
  while (!lane.returned.empty()) {
    const std::int64_t id = lane.returned.front().id;
    auto row = database_.prepare("SELECT id, properties, body FROM message WHERE id = ?");
    const auto found = row.bind(id).step();
    if (!found) {
      read_again_later(found.error());
      return std::nullopt;  // it is still the first
    }
    lane.returned.pop_front();
    if (!*found) continue;
    Taken taken{id, local_rows::read_message(row, lane.queue)};
    taken.message.redelivered = true;
    note_cursor(lane, lane.cursor);  // on a sick disk its first note may have come to nothing
    return taken;
  }
  return std::nullopt;
}

/// Writes down how far the queues were delivered, before anything that comes of this delivery: the
/// change that is queued first is committed first. It is noted some places ahead, for that many
/// deliveries: a message there is taken for a redelivered one after a crash.
void LocalTransport::note_cursor(Lane& lane, std::int64_t place) {
  lane.cursor = place;
  if (place <= std::max(lane.cursor_before, lane.noted) || cursors_due_) return;
  cursors_due_ = true;
  Database::Change change = [this, alive = lifetime_.watch()](Database& in) -> Result<void> {
    if (alive.is_over()) return {};
    constexpr std::int64_t ahead = 64;
    for (const auto& one : lanes_) {
      if (one.cursor <= std::max(one.cursor_before, one.noted)) continue;
      const auto written = in.run(
          "INSERT INTO message_cursor(queue, place) VALUES(?, ?) "
          "ON CONFLICT(queue) DO UPDATE SET place = excluded.place WHERE place < excluded.place",
          one.queue, one.cursor + ahead);
      if (!written) return written;
    }
    return {};
  };
  database_.post(Durability::process, std::move(change));
  // After that commit, whether it succeeded or not: what is not on record is noted again.
  asio::post(loop_, [this, alive = lifetime_.watch()] {
    if (alive.is_over()) return;
    cursors_due_ = false;
    for (auto& one : lanes_)
      if (one.cursor > std::max(one.cursor_before, one.noted)) one.noted = noted_cursor(one.queue);
  });
}

std::int64_t LocalTransport::noted_cursor(const std::string& queue) const {
  auto row = database_.prepare("SELECT place FROM message_cursor WHERE queue = ?");
  const auto found = row.bind(queue).step();
  return found && *found ? row.integer(0) : 0;
}

/// At an orderly end: what was not delivered is not called so.
void LocalTransport::note_cursors_exactly() {
  for (const auto& lane : lanes_) {
    if (lane.noted == 0) continue;
    Database::Change change = [queue = lane.queue,
                               place = std::max(lane.cursor, lane.cursor_before)](Database& in) {
      return in.run("UPDATE message_cursor SET place = ? WHERE queue = ?", place, queue);
    };
    database_.post(Durability::process, std::move(change));
  }
}

void LocalTransport::came_back(const std::string& queue, std::int64_t id) {
  Lane* lane = lane_of(queue);
  if (lane == nullptr) return;
  --lane->out;
  std::int64_t behind = lane->cursor;
  auto row = database_.prepare("SELECT max(place) FROM message WHERE queue = ? AND due = 0");
  const auto found = row.bind(queue).step();
  if (found && *found) behind = std::max(behind, row.integer(0));
  lane->returned.push_back({id, behind});
  if (lane->credit > 0) wake();
}

// ---- Settling

/// `id` as of RowSettler. One that has no row gets one, for as long as its settlement wants it.
Task<Result<void>> LocalTransport::settle(std::optional<std::int64_t> id, const Message& message,
                                          const Settlement& settlement) {
  using Kind = Settlement::Kind;
  const std::string queue = message.queue;
  if (id && settlement.kind == Kind::requeue) came_back(queue, *id);
  if (settlement.kind == (id ? Kind::requeue : Kind::accept)) co_return Result<void>();
  if (id && settlement.kind == Kind::accept) {
    accept(queue, *id);
    co_return Result<void>();
  }
  Database::Change change = [&](Database& in) -> Result<void> {
    if (!id) {
      Message copy = message;
      if (settlement.kind == Kind::requeue && settlement.next_attempt > 0)
        copy.headers[attempt_header] = std::int64_t{settlement.next_attempt};
      const auto made = local_rows::insert(in, to_micros(clock_.wall()), copy);
      if (!made) return made;
    }
    const std::int64_t row = id.value_or(in.last_insert_id());
    if (settlement.kind == Kind::retry) return write_retry(row, message, settlement);
    if (settlement.kind == Kind::requeue) return {};
    if (settlement.kind == Kind::dead_letter)
      if (const auto dead = write_dead(row, message, settlement); !dead) return dead;
    return in.run("DELETE FROM message WHERE id = ?", row);
  };
  const Lifetime::Watch alive = lifetime_.watch();
  // A row of ours goes without a sync: a message that a power cut brings back finds its verdict in
  // the journal. The copy of one that was acknowledged early is all that is left of it.
  const Durability durability = id ? Durability::process : Durability::power;
  auto result = co_await database_.write(durability, std::move(change));
  if (!result || alive.is_over()) co_return result;
  if (!id)
    look_again(queue);
  else if (Lane* lane = lane_of(queue))
    --lane->out;
  if (!id || settlement.kind == Kind::retry) arm();
  co_return result;
}

/// Its row goes with some later commit: a message that a crash brings back finds its verdict in the
/// journal.
void LocalTransport::accept(const std::string& queue, std::int64_t id) {
  if (Lane* lane = lane_of(queue)) {
    --lane->out;
    lane->leaving.insert(id);
  }
  Database::Change change = [this, alive = lifetime_.watch(), queue, id](Database& in) {
    if (Lane* lane = alive.is_over() ? nullptr : lane_of(queue)) lane->leaving.erase(id);
    return in.run("DELETE FROM message WHERE id = ?", id);
  };
  database_.post_lazily(std::move(change), Database::Ride::in_bulk);
}

Delivery LocalTransport::adopt(Message message) {
  auto settler = std::make_unique<RowSettler>(*this, std::nullopt, message.queue);
  return Delivery(std::move(message), std::move(settler));
}

}  // namespace rbit
