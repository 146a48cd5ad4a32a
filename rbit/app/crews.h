#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "rbit/app/configuration.h"
#include "rbit/app/hooks.h"
#include "rbit/base/flows.h"
#include "rbit/dispatch/dispatcher.h"
#include "rbit/intake/message_reader.h"
#include "rbit/run/leader_pool.h"
#include "rbit/run/run_place.h"

namespace rbit {

/// The runners of the queues that are read, as the configuration in force has them. One that a new
/// configuration does not change stays, with its warm hosts; one that nobody uses any more is
/// closed when its last job has ended. On the loop's thread.
class Crews {
 public:
  /// All outlive it.
  Crews(const asio::any_io_executor& loop, Hooks& hooks, const RunPlace& place,
        LeaderPool& leaders);
  ~Crews();

  /// Makes those of the first configuration.
  void make(const Configuration& configuration);
  /// Makes those that a new one changes, and looks whether they can work. An Error: one cannot, and
  /// nothing has happened. `take` puts them in their places.
  Task<Result<void>> make_next(const Configuration& next);
  void take();
  /// Has `make_next` end soon, as it may.
  Task<void> give_up();

  /// As the dispatcher wants them.
  std::vector<Dispatcher::Crew> all() const;
  /// As the runner of that queue takes messages.
  Result<BuildRequest> read(const Binding& binding, const Message& message) const;
  /// None: there is no such runner.
  const RunnerPolicy* policy_of(const std::string& runner) const;

  /// Ends what was kept warm. No job runs.
  Task<void> close();

 private:
  struct Member {
    Dispatcher::Crew crew;
    std::string written;  // all that the file says of it
    std::shared_ptr<const MessageReader> reader;
  };
  using Members = std::map<std::string, Member>;  // by the runner's name
  class Retiring;

  Member made(const Configuration& configuration, const std::string& name) const;

  asio::any_io_executor loop_;
  Hooks& hooks_;
  const RunPlace& place_;
  LeaderPool& leaders_;
  std::shared_ptr<Retiring> retiring_;
  Members members_, next_;
  std::shared_ptr<Runner> preparing_;  // of `make_next`
};

}  // namespace rbit
