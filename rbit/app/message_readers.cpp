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
  const auto found = configuration.schemas.find(runner);
  MessageReader::Schema schema;
  if (found != configuration.schemas.end())
    schema = [compiled = found->second](const nlohmann::json& body) {
      const auto misfit = compiled.misfit_of(body);
      return misfit ? std::optional(misfit->text()) : std::nullopt;
    };
  return MessageReader(runner, policy.message, std::move(needs), std::move(schema));
}

MessageReader reader_of_queue(const Configuration& configuration, const std::string& queue) {
  for (const auto& mapping : configuration.settings().queues)
    if (mapping.queue == queue) return message_reader(configuration, mapping.runner);
  return MessageReader("", MessageKind::pybit);
}

}  // namespace rbit
