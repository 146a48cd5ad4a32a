#include "rbit/core/task_message.h"

#include <utility>

#include "rbit/base/json.h"
#include "rbit/base/text.h"

namespace rbit {

namespace {

constexpr std::size_t longest_name = 255;  // as a routing key
constexpr std::size_t most_links = 64;

Error invalid(std::string why) {
  return {"invalid", std::move(why)};
}

/// A text that may be missing or null.
Result<std::string> optional_text(const nlohmann::json& task, const char* member) {
  const auto found = task.find(member);
  if (found == task.end() || found->is_null()) return std::string();
  if (!found->is_string()) return invalid(std::string(member) + " is no text");
  return found->get<std::string>();
}

/// What SNS and its like put around a message.
const nlohmann::json* enveloped(const nlohmann::json& document) {
  if (!document.is_object() || document.contains("task_name")) return nullptr;
  const auto inner = document.find("Message");
  return inner != document.end() && inner->is_string() ? &*inner : nullptr;
}

/// What is wrong with a chain, or "".
std::string wrong_chain(const std::vector<std::string>& links) {
  if (links.size() > most_links) return "callback has more than 64 links";
  for (const std::string& link : links) {
    if (link.empty()) return "callback has an empty link";
    if (link.size() > longest_name) return "callback has a link of more than 255 bytes";
  }
  return "";
}

Result<TaskMessage> read(const nlohmann::json& task) {
  if (!task.is_object() || !task.contains("task_name"))
    return invalid(
        "no task (an object with task_name and task_kwargs, or that as text in Message)");
  TaskMessage read;
  Result<std::string> name = optional_text(task, "task_name");
  if (!name) return name.error();
  if (name->empty()) return invalid("task_name is empty");
  if (name->size() > longest_name) return invalid("task_name is longer than 255 bytes");
  Result<std::string> callback = optional_text(task, "callback");
  if (!callback) return callback.error();
  read.name = std::move(*name);
  read.callback = std::move(*callback);
  if (const std::string wrong = wrong_chain(read.links()); !wrong.empty()) return invalid(wrong);
  const auto kwargs = task.find("task_kwargs");
  read.kwargs = kwargs == task.end() || kwargs->is_null() ? nlohmann::json::object() : *kwargs;
  if (!read.kwargs.is_object()) return invalid("task_kwargs is no object");
  return read;
}

}  // namespace

std::vector<std::string> TaskMessage::links() const {
  return callback.empty() ? std::vector<std::string>() : text::split(callback, '#');
}

Result<TaskMessage> task_of(const nlohmann::json& document) {
  const nlohmann::json* const text = enveloped(document);
  if (text == nullptr) return read(document);
  const auto inner = json::parse(text->get_ref<const std::string&>());
  if (!inner) return invalid("Message is not the text of a task: " + inner.error().reason);
  return read(*inner);
}

nlohmann::json without_envelope(nlohmann::json document) {
  const nlohmann::json* const text = enveloped(document);
  if (text == nullptr) return document;
  auto inner = json::parse(text->get_ref<const std::string&>());
  return inner ? std::move(*inner) : document;
}

}  // namespace rbit
