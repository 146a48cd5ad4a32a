#include "rbit/app/message_readers.h"

#include <algorithm>
#include <iterator>

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
  return MessageReader(runner, policy.message, std::move(needs));
}

MessageReader reader_of_queue(const Configuration& configuration, const std::string& queue) {
  for (const auto& mapping : configuration.settings().queues)
    if (mapping.queue == queue) return message_reader(configuration, mapping.runner);
  return MessageReader("", MessageKind::pybit);
}

}  // namespace rbit
