#include "rbit/intake/command.h"

#include <nlohmann/json.hpp>

#include "rbit/intake/message_part.h"

namespace rbit {

namespace {

/// All but the first are dropped: a job has queues of its own, and the rest is PyBit's client's
/// affair or can be forged by whoever may publish.
constexpr std::string_view kinds[] = {"CancelRequest", "BuildRequest", "StatusRequest",
                                      "CommandRequest", "TaskComplete"};

Command read_command(const nlohmann::json& document) {
  const auto label = document.find("py/object");
  if (label == document.end() || !label->is_string()) throw Invalid{"py/object is missing"};
  Command command;
  for (const auto kind : kinds)
    if (*label == "pybit.models." + std::string(kind)) command.kind = kind;
  if (command.kind.empty())
    throw Invalid{"py/object is " + in_quotes(label->get_ref<const std::string&>())};
  if (command.kind != kinds[0]) return command;
  const Part message(&document, "message", "CancelRequest");
  const Part job = message.part("job", "Job");
  if (job.missing()) throw Invalid{"job is missing"};
  command.job_id = id_of(job);
  return command;
}

}  // namespace

Result<Command> parse_command(std::string_view body) {
  return read_message(body, read_command);
}

}  // namespace rbit
