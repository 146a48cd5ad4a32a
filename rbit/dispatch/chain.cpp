#include "rbit/dispatch/chain.h"

#include <algorithm>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <utility>
#include <variant>
#include <vector>

#include "rbit/base/json.h"
#include "rbit/core/task_message.h"

namespace rbit {

namespace {

using nlohmann::ordered_json;

/// Which link of its chain a task is, from 0; the number of links: none of them. Where a name is
/// there twice its header knows; a stranger may write that, too.
std::size_t place_of(const TaskMessage& task, const MessageHead& head) {
  const std::vector<std::string> links = task.links();
  const auto said = head.headers.find(chain_header);
  const auto* const number =
      said == head.headers.end() ? nullptr : std::get_if<std::int64_t>(&said->second);
  if (number != nullptr && *number >= 0 && *number < static_cast<std::int64_t>(links.size()) &&
      links[static_cast<std::size_t>(*number)] == task.name)
    return static_cast<std::size_t>(*number);
  return static_cast<std::size_t>(std::find(links.begin(), links.end(), task.name) - links.begin());
}

}  // namespace

std::optional<Publication> next_link(const Job& job, const Outcome& outcome,
                                     const QueueOfTask& queue_of) {
  if (job.kind != MessageKind::task || outcome.given.stops_chain) return std::nullopt;
  const auto document = json::parse(job.body.bytes());
  const auto task = document ? task_of(*document) : Error{};
  if (!task || task->callback.empty()) return std::nullopt;
  const std::vector<std::string> links = task->links();
  const std::size_t place = place_of(*task, job.head);
  const std::size_t next = place == links.size() ? 0 : place + 1;
  if (next == links.size()) return std::nullopt;  // it was the last

  ordered_json message;
  message["task_name"] = links[next];
  const std::string& result = outcome.given.result;
  message["task_kwargs"] = result.empty() ? ordered_json::object() : ordered_json::parse(result);
  if (message["task_kwargs"].is_null()) message["task_kwargs"] = ordered_json::object();
  if (links.size() > 1) message["callback"] = task->callback;  // a single name is not passed on

  Publication link;
  link.to = {"", queue_of(links[next], job.queue)};
  link.properties.content_type = "application/json";
  link.properties.correlation_id = job.head.correlation_id;
  link.properties.headers[chain_header] = static_cast<std::int64_t>(next);
  link.body = Body(message.dump());
  return link;
}

}  // namespace rbit
