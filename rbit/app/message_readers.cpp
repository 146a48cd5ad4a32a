#include "rbit/app/message_readers.h"

#include <algorithm>
#include <iterator>

#include "rbit/intake/route_reader.h"
#include "rbit/run/output_dir.h"

namespace rbit {

MessageReader message_reader(const Configuration& configuration, const std::string& runner) {
  const RunnerPolicy& policy = configuration.settings().runners.at(runner).policy;
  std::vector<MessageFact> needs;
  std::vector<MessageFact> facts = OutputDir(policy.output_dir).facts();
  const std::vector<MessageFact>& of_line = configuration.lines.at(runner).facts;
  facts.insert(facts.begin(), of_line.begin(), of_line.end());
  std::copy_if(facts.begin(), facts.end(), std::back_inserter(needs),
               [](const MessageFact& fact) { return fact.required; });
  const auto found = configuration.schemas.find(runner);
  MessageReader::Schema schema;
  if (found != configuration.schemas.end())
    schema = [compiled = found->second](const nlohmann::json& body) {
      const auto misfit = compiled.misfit_of(body);
      return misfit ? std::optional(misfit->text()) : std::nullopt;
    };
  return MessageReader(runner, policy.message, std::move(needs), std::move(schema));
}

QueueReader::QueueReader(const Configuration& configuration, const std::string& queue) {
  for (const auto& mapping : configuration.settings().queues) {
    if (mapping.queue != queue) continue;
    route_ = mapping.route;
    for (const std::string& runner : mapping.all())
      readers_.emplace(runner, message_reader(configuration, runner));
  }
  if (readers_.empty()) readers_.emplace("", MessageReader("", MessageKind::pybit));
}

std::optional<MessageKind> QueueReader::kind() const {
  const MessageKind first = readers_.begin()->second.kind();
  const bool is_of_all = std::all_of(readers_.begin(), readers_.end(),
                                     [&](const auto& one) { return one.second.kind() == first; });
  return is_of_all ? std::optional(first) : std::nullopt;
}

Result<BuildRequest> QueueReader::read(const Message& message) const {
  if (!route_) return readers_.begin()->second.read(message);
  const auto runner = runner_for(*route_, message);
  return runner ? readers_.at(*runner).read(message) : runner.error();
}

Result<std::string> runner_of(const QueueRunner& queue, const Message& message) {
  return queue.route ? runner_for(*queue.route, message) : queue.runner;
}

}  // namespace rbit
