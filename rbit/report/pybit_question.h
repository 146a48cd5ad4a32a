#pragma once

#include <map>
#include <string>

#include "rbit/base/clock.h"
#include "rbit/core/job.h"
#include "rbit/core/job_observer.h"
#include "rbit/core/standing.h"
#include "rbit/report/http_client.h"
#include "rbit/report/pybit_address.h"

namespace rbit {

/// Asks a PyBit front-end, before a job is built, how it has that job (rbit/doc/formats.rst,
/// front-end-question). Every answer that is none, and every failure, is `unclear`: a front-end
/// that is away must not cost a job, nor hold it up. On the loop's thread.
class PybitQuestion : public JobObserver {
 public:
  /// `clock` must outlive it. A job waits `limit` for its answer; when one got none, its
  /// front-end is not asked for `pause`.
  PybitQuestion(const asio::any_io_executor& loop, Clock& clock, PybitSettings settings,
                milliseconds limit = milliseconds{5'000},
                milliseconds pause = milliseconds{30'000});

  /// May be called again while one is under way. `job` lives until it ends.
  Task<Standing> before(const Job& job) override;

 private:
  Task<Standing> ask_at(std::string base, std::string number);

  HttpClient http_;
  Clock& clock_;
  PybitAddress address_;
  milliseconds pause_;
  std::map<std::string, SteadyTime> away_;  // front-ends, and until when nobody asks
};

}  // namespace rbit
