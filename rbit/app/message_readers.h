#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "rbit/app/configuration.h"
#include "rbit/intake/message_reader.h"

namespace rbit {

/// Reads messages as [runner:RUNNER] takes them.
MessageReader message_reader(const Configuration& configuration, const std::string& runner);

/// Reads messages as the runners of one queue take them.
class QueueReader {
 public:
  /// Of a queue that the file does not name, as PyBit's.
  QueueReader(const Configuration& configuration, const std::string& queue);

  /// The kind that all of them have. None: its runners take several.
  std::optional<MessageKind> kind() const;
  /// As that of MessageReader; the reason may be `no-route`, too.
  Result<BuildRequest> read(const Message& message) const;

 private:
  std::shared_ptr<const Route> route_;
  std::map<std::string, MessageReader> readers_;  // by runner
};

/// The runner of a message that lies in that queue or is to go there. An Error: its route names
/// none.
Result<std::string> runner_of(const QueueRunner& queue, const Message& message);

}  // namespace rbit
