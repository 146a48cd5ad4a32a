#pragma once

#include <boost/asio/cancellation_signal.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "rbit/base/alarm.h"
#include "rbit/base/clock.h"
#include "rbit/base/notice.h"
#include "rbit/base/task.h"
#include "rbit/core/journal.h"
#include "rbit/core/report_sink.h"

namespace rbit {

/// How one target is, for people and the monitor.
struct TargetState {
  enum class Kind {
    up,
    down,    // it does not answer or not well; tried again by itself, one report at a time
    paused,  // it refuses us (401); tried again every 5 minutes
  };
  std::string target;
  Kind kind = Kind::up;
  std::string reason;      // why it is not up
  std::int64_t since = 0;  // microseconds since 1970; 0: up since the start
  std::uint64_t sent = 0, dropped = 0, failed = 0;  // reports; `failed` counts tries
  std::optional<std::int64_t> oldest;               // time of the oldest report that waits
};

std::string_view to_string(TargetState::Kind kind);  // "up", "down", "paused"

/// Brings the rows of one target to its sink: in order within a job (of what jobs publish: within a
/// job and destination), four at once; it decides
/// what an answer means for the row and for the target. Rows live in the journal; the relay holds
/// only those it is sending and a short batch of the next.
///
/// A retry is the row's affair and the target's: the row waits by the number of its own tries, and
/// the target, by the length of its absence, gets one row at a time until one is taken. So a row
/// that fails alone holds nobody up, and a target that is back gets everything at once.
class Relay : public std::enable_shared_from_this<Relay> {
 public:
  /// `at_rest` is called whenever `resting` may have become true.
  Relay(asio::any_io_executor loop, Journal& journal, Clock& clock,
        std::unique_ptr<ReportSink> sink, std::function<void()> at_rest);

  /// There may be rows: looks at the journal at the next turn of the loop. Cheap.
  void wake();
  /// A target that is down gets one more chance now, with all its rows. For the end of the program.
  void hurry();
  /// Nothing is under way and nothing can be sent at this moment.
  bool resting() const;
  /// Gives up what is being sent (those rows stay) and starts nothing more.
  void close();
  /// Closes, and forgets `at_rest`: whom it called is going away.
  void detach();
  /// An answer is being put on record; wait for it before the journal goes.
  bool recording() const { return recording_ > 0; }

  std::string_view target() const { return sink_->target(); }
  ReportTarget as_target() const { return sink_->as_target(); }
  TargetState state() const;

 private:
  struct Flight {
    asio::cancellation_signal signal;
    bool sending = true;
  };
  using Kind = TargetState::Kind;
  using Write = std::function<Task<Result<void>>()>;

  void pump();
  bool may_send() const;
  void refill();
  void launch(Report report);
  Task<void> deliver(Report report, std::list<Flight>::iterator flight);
  Task<void> answered(const Report& report, const SinkAnswer& answer);
  Task<void> postpone(const Report& report, const SinkAnswer& answer);
  Task<void> put_off(const Report& report, const SinkAnswer& answer);
  Task<void> give_up(const Report& report, const SinkAnswer& answer);
  Task<void> wait_for(const Report& report, milliseconds pause);
  milliseconds pause_of(const Report& report);
  Task<void> drop(const Report& report, const std::string& reason);
  Task<void> release();
  Task<void> record(const Write& write);
  void change(Kind kind, const std::string& reason);
  bool too_old(const Report& report) const;
  milliseconds absence() const;
  milliseconds jittered(milliseconds limit);
  std::string name() const { return sink_->rows(); }

  asio::any_io_executor loop_;
  Journal& journal_;
  Clock& clock_;
  std::unique_ptr<ReportSink> sink_;
  std::function<void()> at_rest_;
  Alarm alarm_;
  Notice closing_;
  std::minstd_rand random_;

  std::deque<Report> ready_;     // read from the journal, to be sent next
  std::set<std::int64_t> busy_;  // rows that are being sent or put on record
  std::list<Flight> flights_;
  int sending_ = 0, recording_ = 0;
  bool fresh_ = true;  // the journal may hold rows that `ready_` has not
  bool posted_ = false, closed_ = false;

  TargetState state_;              // but its target and its oldest report
  SteadyTime left_{};              // when it went from `up`
  SteadyTime probe_at_{};          // not up: nothing is sent before
  milliseconds refused_pause_{0};  // paused: between tries
  int failures_ = 0;               // in a row
  bool said_ = false;              // the log knows that it is not up
  bool sick_said_ = false;         // ... that the journal does not take our answers
  std::vector<Report> held_;       // failed in this absence; all are due when it is over
};

}  // namespace rbit
