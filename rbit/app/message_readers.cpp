#include "rbit/app/message_readers.h"

#include <algorithm>
#include <iterator>

namespace rbit {

MessageReader message_reader(const Configuration& configuration, const std::string& runner) {
  const RunnerPolicy& policy = configuration.settings().runners.at(runner).policy;
  std::vector<MessageFact> needs;
  const auto& facts = configuration.lines.at(runner).facts;
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
