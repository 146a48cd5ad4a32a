#include "rbit/intake/message_reader.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "rbit/core/task_message.h"
#include "rbit/intake/message_part.h"
#include "rbit/intake/request.h"

namespace rbit {

namespace {

using Document = std::optional<nlohmann::json>;

Result<BuildRequest> read_pybit(const Message& message, Document&) {
  return parse_request(message);
}

Result<BuildRequest> read_json(const Message& message, Document& document) {
  if (auto whole = check_text(message); !whole) return whole.error();
  auto parsed = parse_document(message.body);
  if (!parsed) return parsed.error();
  document.emplace(std::move(*parsed));
  return BuildRequest();
}

Result<BuildRequest> read_task(const Message& message, Document& document) {
  if (auto read = read_json(message, document); !read) return read.error();
  document = without_envelope(std::move(*document));
  const auto task = task_of(*document);
  return task ? Result<BuildRequest>(BuildRequest()) : task.error();
}

Result<BuildRequest> read_raw(const Message& message, Document&) {
  if (auto whole = check_whole(message); !whole) return whole.error();
  return BuildRequest();
}

/// One kind of message. `read` may leave the body's JSON where it had to parse it.
struct Kind {
  MessageKind kind;
  Result<BuildRequest> (*read)(const Message&, Document&);
};

constexpr Kind kinds[] = {
    {MessageKind::pybit, read_pybit},
    {MessageKind::json, read_json},
    {MessageKind::raw, read_raw},
    {MessageKind::task, read_task},
};

const Kind& find_kind(MessageKind wanted) {
  for (const Kind& kind : kinds)
    if (kind.kind == wanted) return kind;
  return kinds[0];  // there is no other
}

}  // namespace

MessageReader::MessageReader(std::string runner, MessageKind kind, std::vector<MessageFact> needs,
                             Schema schema)
    : runner_(std::move(runner)),
      kind_(kind),
      needs_(std::move(needs)),
      schema_(std::move(schema)) {}

Result<BuildRequest> MessageReader::read(const Message& message) const {
  Document document;
  Result<BuildRequest> request = find_kind(kind_).read(message, document);
  if (request) {
    if (schema_ && kind_ == MessageKind::pybit) document = *parse_document(message.body);
    const auto fits = check(message, document ? &*document : nullptr);
    return fits ? std::move(request) : fits.error();
  }
  Error why = request.error();
  const std::string where = runner_.empty() ? "" : " in [runner:" + runner_ + "]";
  if (why.reason == no_request)
    why.cure = "message = json or raw" + where + " takes any message";
  else if (why.thing == "undecodable" && kind_ != MessageKind::raw && !message.oversized)
    why.cure = "message = raw" + where + " takes any message";
  return why;
}

/// What this runner wants beyond the kind.
Result<void> MessageReader::check(const Message& message, const nlohmann::json* document) const {
  if (schema_ && document != nullptr)
    if (auto wrong = schema_(*document)) {
      Error why{"invalid", "it does not fit the schema"};
      why.detail = std::move(*wrong);
      return why;
    }
  for (const MessageFact& fact : needs_) {
    const bool is_header = fact.of == MessageFact::Of::header;
    if (!is_header && !is_in_body(fact)) continue;  // always there
    if (value_of(fact, message, message.queue, document)) continue;
    return Error{"invalid", (is_header ? "header " : "") + fact.name + " is missing",
                 "[runner:" + runner_ + "] needs " + fact.shown};
  }
  return {};
}

}  // namespace rbit
