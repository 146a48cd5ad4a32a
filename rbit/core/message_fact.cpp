#include "rbit/core/message_fact.h"

#include <nlohmann/json.hpp>

#include "rbit/base/json.h"
#include "rbit/base/names.h"
#include "rbit/base/text.h"
#include "rbit/core/message.h"
#include "rbit/core/task_message.h"

namespace rbit {

namespace {

using Of = MessageFact::Of;

constexpr Named<Of> words[] = {{Of::key, "key"},
                               {Of::queue, "queue"},
                               {Of::routing_key, "routing-key"},
                               {Of::task, "task"},
                               {Of::event, "event"}};
constexpr std::string_view header_word = "header:";

/// What stands between the braces, if they are closed in the same line.
std::optional<std::string_view> inside(std::string_view rest) {
  if (!rest.starts_with("%{")) return std::nullopt;
  const auto end = rest.find_first_of("}\n", 2);
  if (end == std::string_view::npos || rest[end] != '}') return std::nullopt;
  return rest.substr(2, end - 2);
}

bool is_path_without_slash(std::string_view inner) {
  return inner.find('/') != std::string_view::npos && text::has_only(inner, "/_.~-");
}

/// Fills in what is asked for. Returns what is wrong with it, or "".
std::string read_fact(std::string_view inner, MessageFact& fact) {
  fact.required = inner.ends_with('!');
  if (fact.required) inner.remove_suffix(1);
  if (!text::is_printable(inner)) return "holds a character that cannot be shown";
  if (const auto of = value_in(words, inner)) {
    fact.of = *of;
    return "";
  }
  const bool is_header = inner.starts_with(header_word);
  if (is_header) inner.remove_prefix(header_word.size());
  fact.of = is_header ? Of::header : Of::member;
  fact.name = inner;
  if (is_header) return inner.empty() ? "names no header (write %{header:x-kind})" : "";
  const std::string wrong = json::wrong_pointer(inner);
  return wrong.empty() ? "" : "is no JSON Pointer: it " + wrong;
}

}  // namespace

FactText fact_at(std::string_view rest) {
  if (!rest.starts_with("%{")) return {};
  FactText found;
  const auto inner = inside(rest);
  if (!inner) {
    const auto begin = rest.substr(2);
    if (!begin.starts_with('/') && !begin.starts_with(header_word)) return {};
    found.length = 2;
    found.mistake = text::one_line(rest.substr(0, rest.find('\n')), 40) + " has no } in its line";
    return found;
  }
  const std::string_view word = inner->substr(0, inner->find('!'));
  found.length = 2 + inner->size() + 1;
  found.fact.shown = rest.substr(0, found.length);
  const bool is_fact =
      inner->starts_with('/') || inner->starts_with(header_word) || value_in(words, word);
  if (is_fact) {
    const std::string wrong = read_fact(*inner, found.fact);
    if (!wrong.empty()) found.mistake = text::one_line(found.fact.shown, 60) + " " + wrong;
    return found;
  }
  if (!is_path_without_slash(word)) return {};
  found.mistake =
      found.fact.shown + " is no JSON Pointer (did you mean %{/" + std::string(*inner) + "}?)";
  return found;
}

std::string meant_by_fact(std::string_view rest) {
  const auto inner = inside(rest);
  if (!inner || inner->empty() || fact_at(rest).length > 0) return "";
  if (inner->starts_with("settings.")) return "";  // {settings.KEY} behind a %
  if (!text::has_only(inner->substr(0, inner->find_first_of("!:. ")), "_-")) return "";
  const std::string word = text::replaced(text::lower(*inner), {{'_', "-"}});
  for (const char* other : {"header", "headers"})
    if (word.starts_with(other) && word.size() > std::string_view(other).size() &&
        std::string_view(".: ").find(word[std::string_view(other).size()]) !=
            std::string_view::npos)
      return "%{header:" + std::string(inner->substr(std::string_view(other).size() + 1)) + "}";
  const auto meant = text::did_you_mean(word, {"key", "queue", "routing-key", "task", "event"});
  if (meant || value_in(words, word)) return "%{" + meant.value_or(word) + "}";
  return "%{/" + std::string(*inner) + "}";
}

std::string plain_text(const HeaderValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  return std::visit([](const auto& one) { return nlohmann::json(one).dump(); }, value);
}

namespace {

std::optional<std::string> header_of(const MessageHead& head, const std::string& name) {
  const auto found = head.headers.find(name);
  return found == head.headers.end() ? std::nullopt : std::optional(plain_text(found->second));
}

}  // namespace

std::optional<std::string> value_of(const MessageFact& fact, const MessageHead& head,
                                    const std::string& queue, const nlohmann::json* document) {
  switch (fact.of) {
    case Of::queue:
      return queue;
    case Of::routing_key:
      return routing_key_of(head, queue);
    case Of::header:
      return header_of(head, fact.name);
    case Of::event:
      return header_of(head, fact.name).value_or(routing_key_of(head, queue));
    case Of::task: {
      const auto task = document != nullptr ? task_of(*document) : Error{};
      return task ? std::optional(task->name) : std::nullopt;
    }
    default:
      break;
  }
  if (fact.of != Of::member || document == nullptr) return std::nullopt;
  const nlohmann::json* value = json::find(*document, fact.name);
  return value == nullptr || value->is_null() ? std::nullopt
                                              : std::optional(json::plain_text(*value));
}

std::optional<std::string> fact_of(const Job& job, const MessageFact& fact,
                                   const nlohmann::json* document) {
  return fact.of == Of::key ? job.key : value_of(fact, job.head, job.queue, document);
}

const std::string& routing_key_of(const MessageHead& head, const std::string& queue) {
  if (!head.exchange.empty()) return head.routing_key;
  const auto kept = head.headers.find(routing_key_header);
  const auto* const key =
      kept == head.headers.end() ? nullptr : std::get_if<std::string>(&kept->second);
  return key != nullptr ? *key : queue;
}

}  // namespace rbit
