#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "rbit/base/clock.h"
#include "rbit/base/database.h"
#include "rbit/base/lifetime.h"
#include "rbit/core/publication.h"
#include "rbit/core/transport.h"

namespace rbit {

/// The embedded queue (`[amqp] url = local:`): messages are rows of the journal's own file. It
/// knows the tables `message`, `message_cursor` and `dead` by name; rbit/journal/schema.cpp makes
/// them.
///
/// A row stays until its message is settled. What is out is known in memory only, so after a crash
/// everything that was not settled is there again, marked as redelivered; so may be up to 64
/// messages of a queue that were not delivered yet, and what was accepted within the last 50 ms. On
/// the loop's thread.
class LocalTransport : public Transport {
 public:
  /// `worker` is rbit's name. Database and clock outlive this.
  LocalTransport(const asio::any_io_executor& loop, Database& database, Clock& clock,
                 std::string worker);
  ~LocalTransport() override;

  void start(std::vector<std::string> queues, std::function<void(Delivery)> deliver) override;
  void add_queue(const std::string& queue) override;
  void remove_queue(const std::string& queue) override;
  void set_credit(const std::string& queue, Credit credit) override;
  bool is_far() const override { return false; }
  Delivery adopt(Message message) override;
  bool has_acknowledgement_timeout() const override { return false; }
  void stop_taking() override;
  Task<void> close() override;

  /// Puts a message into its queue and ends once it survives a power cut; gives its key. A message
  /// without id gets one; it is delivered after `delay`. An Error if the queue is none of those
  /// that were given to `start`.
  Task<Result<std::string>> submit(Message message, std::chrono::milliseconds delay = {});
  /// The same where no rbit runs, by whoever has the database open. `queues`: those that exist.
  /// `behind`: it comes after that place.
  static Task<Result<std::string>> submit_straight(Database& database, const Clock& clock,
                                                   std::vector<std::string> queues, Message message,
                                                   std::int64_t behind = 0,
                                                   std::chrono::milliseconds delay = {});

  /// Puts what a job publishes into its queue, as part of a Change of whoever commits its verdict:
  /// nothing is delivered before that, and nothing stays of one that is rolled back. An answer to a
  /// queue that is not here is dropped, with a line.
  Result<void> enqueue(const Publication& publication, const std::string& message_id);
  /// Why nothing can ever be published there; "": it may be.
  std::string mistake_of(const Destination& to) const;

  /// Did a message with this id, which no other one has, ever come into one of the queues?
  static bool has(Database& database, const std::string& message_id);

  std::vector<std::string> queues() const;
  /// Somebody put messages there behind our back.
  void look_again(const std::string& queue);

  /// Messages of `queue` that are not out: those that wait, and those to be tried later.
  std::int64_t waiting(const std::string& queue) const;
  /// Those that wait and may go out now, without a look at each: up to twenty it is exact, of
  /// more it may be 64 too many (rbit/intake/local_rows.h, next_place).
  std::int64_t deliverable(const std::string& queue) const;

 private:
  class RowSettler;

  /// One queue. Messages go out by their place, those given back behind what was there then.
  struct Lane {
    std::string queue;
    bool is_read = true;
    int credit = 0;
    int out = 0;                     // delivered and not settled
    bool may_have_more = true;       // beyond the cursor
    std::int64_t cursor = 0;         // the last place that was delivered
    std::int64_t cursor_before = 0;  // of an earlier life
    std::int64_t noted = 0;          // what is on record: it was delivered so far, or less
    std::set<std::int64_t> leaving;  // rows of accepted messages that are still there
    struct Returned {
      std::int64_t id, behind;
    };
    std::deque<Returned> returned;
  };
  struct Taken {
    std::int64_t id = 0;
    Message message;
  };

  Lane* lane_of(const std::string& queue);
  std::int64_t delivered(const std::string& queue);  // the place of the last one that was
  void wake();
  void pump();
  bool deliver_one(Lane& lane);
  std::optional<Taken> take(Lane& lane);
  std::optional<Taken> take_returned(Lane& lane);
  void read_again_later(const Error& why);
  Task<void> read_again(Lifetime::Watch alive);
  void note_cursor(Lane& lane, std::int64_t place);
  void note_cursors_exactly();
  std::int64_t noted_cursor(const std::string& queue) const;
  void accept(const std::string& queue, std::int64_t id);
  void came_back(const std::string& queue, std::int64_t id);

  Task<Result<void>> settle(std::optional<std::int64_t> id, const Message& message,
                            const Settlement& settlement);
  Result<void> write_retry(std::int64_t id, const Message& message, const Settlement& settlement);
  Result<void> write_dead(std::int64_t id, const Message& message, const Settlement& settlement);
  Message copy_for(std::int64_t id, const Message& message, const Settlement& settlement);

  void arm();
  Task<void> ripen(std::int64_t due, Lifetime::Watch alive);
  Result<void> place_the_due();
  Result<void> follow_the_clock();

  asio::any_io_executor loop_;
  Database& database_;
  Clock& clock_;
  std::string worker_;
  std::function<void(Delivery)> deliver_;
  std::vector<Lane> lanes_;
  std::map<std::string, std::size_t> lane_numbers_;  // by queue
  std::size_t first_ = 0;  // the lane that is asked first, a different one each time
  bool taking_ = false;
  bool pump_due_ = false;
  bool cursors_due_ = false;
  bool reads_later_ = false;
  std::optional<std::int64_t> alarm_;  // when the next sleeper wakes, microseconds since 1970
  WallTime wall_seen_;                 // both clocks at one moment, to see that one was set
  SteadyTime steady_seen_;
  Lifetime lifetime_;  // tokens and sleepers outlive this
};

}  // namespace rbit
