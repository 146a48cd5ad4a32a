#pragma once

#include <functional>
#include <string>

#include "rbit/base/clock.h"
#include "rbit/base/result.h"
#include "rbit/base/task.h"
#include "rbit/dispatch/patience.h"

namespace rbit {

/// Whether journal and disk take jobs. When they do not it tries by itself until they do: no job
/// shall be the one that finds out. On the loop's thread.
class JournalWatch {
 public:
  /// `probe` tries both, `changed` is called when the state has changed. When patience has ended
  /// nothing is tried any more.
  JournalWatch(const asio::any_io_executor& loop, Clock& clock, const Patience& patience,
               std::function<Task<Result<void>>()> probe, std::function<void()> changed)
      : loop_(loop),
        clock_(clock),
        patience_(patience),
        probe_(std::move(probe)),
        changed_(std::move(changed)) {}

  /// They have not taken something.
  void failed(const Error& error);
  /// Empty: they take jobs.
  const std::string& trouble() const { return trouble_; }

 private:
  Task<void> try_until_it_works();

  asio::any_io_executor loop_;
  Clock& clock_;
  const Patience& patience_;
  std::function<Task<Result<void>>()> probe_;
  std::function<void()> changed_;
  std::string trouble_;
  std::string place_;  // the file or directory that was told of for it
};

}  // namespace rbit
