#include "rbit/app/crews.h"

#include <set>
#include <utility>

#include "rbit/app/message_readers.h"
#include "rbit/run/make_runner.h"

namespace rbit {

/// Runners that nobody uses any more, until they are closed.
class Crews::Retiring {
 public:
  explicit Retiring(const asio::any_io_executor& loop) : flows_(loop) {}

  void retire(std::unique_ptr<Runner> runner) {
    readers.erase(runner.get());
    if (is_over) return;
    flows_.start(close(std::move(runner)), "the end of a runner");
  }
  Task<void> all_closed() { return flows_.all_ended(); }

  bool is_over = false;  // nothing is left of any of them

  /// Of every runner that may still be asked to read a message.
  std::map<const Runner*, std::shared_ptr<const MessageReader>> readers;

 private:
  static Task<void> close(std::unique_ptr<Runner> runner) { co_await runner->close(); }

  Flows flows_;
};

namespace {

/// All that is written of a runner: two that are equal do the same. What nobody wrote is as it ever
/// is.
std::string written_of(const Configuration& configuration, const std::string& name) {
  std::string written;
  for (const config::Value& value : configuration.loaded.values)
    if (value.section == "runner:" + name && !value.place.file.empty())
      written += value.key + '\0' + value.text + '\0' + value.digest + '\0';
  return written;
}

}  // namespace

Crews::Crews(const asio::any_io_executor& loop, Hooks& hooks, const RunPlace& place,
             LeaderPool& leaders)
    : loop_(loop),
      hooks_(hooks),
      place_(place),
      leaders_(leaders),
      retiring_(std::make_shared<Retiring>(loop)) {}

Crews::~Crews() {
  retiring_->is_over = true;
}

Crews::Member Crews::made(const Configuration& configuration, const std::string& name) const {
  const RunnerPolicy& policy = configuration.settings().runners.at(name).policy;
  Member member;
  member.written = written_of(configuration, name);
  member.reader = std::make_shared<MessageReader>(message_reader(configuration, name));
  member.crew.name = name;
  member.crew.policy = std::make_shared<RunnerPolicy>(policy);
  const auto known = members_.find(name);
  if (known != members_.end() && known->second.written == member.written) {
    member.crew.runner = known->second.crew.runner;
    return member;
  }
  auto runner = hooks_.around(name, make_runner(loop_, configuration.lines.at(name),
                                                "runner:" + name, policy, place_, leaders_));
  // Its last job may end long after another one has its place.
  member.crew.runner = std::shared_ptr<Runner>(
      runner.release(), [retiring = std::weak_ptr<Retiring>(retiring_)](Runner* its) {
        std::unique_ptr<Runner> owned(its);
        if (const auto all = retiring.lock()) all->retire(std::move(owned));
      });
  return member;
}

void Crews::make(const Configuration& configuration) {
  for (const std::string& name : configuration.settings().runners_in_use())
    next_[name] = made(configuration, name);
  take();
}

Task<Result<void>> Crews::make_next(const Configuration& next) {
  next_.clear();
  const std::set<std::string> names = next.settings().runners_in_use();
  for (const std::string& name : names) {
    Member member = made(next, name);
    const auto known = members_.find(name);
    const bool is_fresh =
        known == members_.end() || known->second.crew.runner != member.crew.runner;
    if (is_fresh) {
      preparing_ = member.crew.runner;
      const Result<void> able = co_await member.crew.runner->prepare();
      preparing_.reset();
      if (!able) {
        next_.clear();
        Error why = able.error();
        why.thing = "[runner:" + name + "] " + why.thing;
        co_return why;
      }
      member.crew.is_ready = true;
    }
    next_[name] = std::move(member);
  }
  co_return Result<void>();
}

Task<void> Crews::give_up() {
  const std::shared_ptr<Runner> its = preparing_;
  if (its) co_await its->close();
}

void Crews::take() {
  members_ = std::exchange(next_, {});
  for (const auto& [name, member] : members_)
    retiring_->readers[member.crew.runner.get()] = member.reader;
}

std::vector<Dispatcher::Crew> Crews::all() const {
  std::vector<Dispatcher::Crew> crews;
  for (const auto& [name, member] : members_) crews.push_back(member.crew);
  return crews;
}

Result<BuildRequest> Crews::read(const Binding& binding, const Message& message) const {
  return retiring_->readers.at(binding.runner.get())->read(message);
}

const RunnerPolicy* Crews::policy_of(const std::string& runner) const {
  const auto found = members_.find(runner);
  return found == members_.end() ? nullptr : found->second.crew.policy.get();
}

Task<void> Crews::close() {
  for (const auto& [name, member] : members_) co_await member.crew.runner->close();
  co_await retiring_->all_closed();
  retiring_->is_over = true;
}

}  // namespace rbit
