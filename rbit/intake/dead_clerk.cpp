#include "rbit/intake/dead_clerk.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "rbit/base/random.h"
#include "rbit/base/text.h"
#include "rbit/core/message_codec.h"
#include "rbit/intake/dead_summary.h"

namespace rbit {

using nlohmann::json;

namespace {

/// Any bytes; those that are no text as {"hex": ...}, as `properties_to_json` writes them.
json bytes_to_json(const std::string& bytes) {
  Message carrier;
  carrier.correlation_id = bytes;
  if (bytes.empty()) return "";
  return json::parse(properties_to_json(carrier))["correlation_id"];
}

/// As in the journal, but the headers as one object: for people and their tools.
json properties_of(const Message& message) {
  json properties = json::parse(properties_to_json(message));
  json headers = json::object();
  for (const json& pair : properties.value("headers", json::array()))
    headers[pair[0].is_string() ? pair[0].get<std::string>() : pair[0].dump()] = pair[1];
  properties["headers"] = std::move(headers);
  return properties;
}

json to_json(const DeadSummary& letter, std::int64_t n) {
  json line;
  line["queue"] = letter.queue;
  line["n"] = n;
  line["id"] = line["key"] = letter.id;
  line["job"] = letter.job_id;
  line["package"] = letter.package;
  line["version"] = letter.version;
  line["reason"] = letter.reason;
  line["detail"] = letter.detail;
  line["attempts"] = line["attempt"] = letter.attempts;
  line["first"] = letter.first;
  line["died"] = letter.died;
  line["queued"] = letter.first * 1'000'000;
  line["ended"] = letter.died * 1'000'000;
  line["worker"] = letter.worker;
  line["size"] = letter.size;
  line["cut"] = letter.cut;
  return line;
}

/// Whether an order is about this one.
bool fits(const DeadOrder& order, const DeadSummary& letter) {
  const auto named = [&](const std::string& id) {
    return id == letter.id || (!letter.job_id.empty() && id == letter.job_id);
  };
  if (!order.ids.empty() && std::none_of(order.ids.begin(), order.ids.end(), named)) return false;
  const std::string& reason = order.reason;
  if (!letter.reason.starts_with(reason)) return false;
  // Whole words: "exit 1" is not "exit 12".
  return reason.empty() || letter.reason.size() == reason.size() ||
         letter.reason[reason.size()] == ' ' || letter.reason[reason.size()] == ':';
}

/// One order under way.
class Clerk {
 public:
  Clerk(const DeadOrder& order, DeadLetters& letters, const Clock& clock, TellDead tell)
      : order_(order), letters_(letters), clock_(clock), tell_(std::move(tell)) {}

  Task<Result<void>> run() {
    std::vector<std::string> queues = order_.queues;
    if (queues.empty()) {
      auto all = letters_.queues();
      if (!all) co_return all.error();
      queues = std::move(*all);
    }
    for (const std::string& queue : queues) {
      n_ = 0;
      queue_ = queue;
      const DeadLetters::Visit visit = [this](DeadLetters::Letter& letter) {
        return look_at(letter);
      };
      Result<void> walked = co_await letters_.walk(queue, visit);
      if (!walked) co_return walked;
      if (over_) break;
    }
    json end;
    end["seen"] = seen_;
    end["more"] = more_;
    co_await tell_(end);
    co_return Result<void>();
  }

 private:
  Task<bool> look_at(DeadLetters::Letter& letter) {
    ++n_;
    const DeadSummary known = describe_dead(queue_, letter.message());
    if (!fits(order_, known)) co_return true;
    if (order_.limit > 0 && seen_ >= order_.limit) {
      more_ = over_ = true;
      co_return false;
    }
    ++seen_;
    json line = to_json(known, n_);
    if (order_.kind == DeadOrder::Kind::show) {
      line["properties"] = properties_of(letter.message());
      line["body"] = bytes_to_json(letter.message().body);
    } else if (order_.kind != DeadOrder::Kind::list) {
      const std::string new_id = random_uuid();
      const Result<void> done = co_await act(letter, known, new_id);
      if (done && order_.as_new) line["new_id"] = new_id;
      if (done)
        line["done"] = order_.kind == DeadOrder::Kind::replay ? "replayed" : "dropped";
      else
        line["failed"] = done.error().text();
    }
    const bool heard = co_await tell_(line);
    over_ = !heard;
    co_return heard;
  }

  Task<Result<void>> act(DeadLetters::Letter& letter, const DeadSummary& known,
                         const std::string& new_id) {
    if (order_.kind == DeadOrder::Kind::drop) co_return co_await letter.drop();
    if (known.cut)
      co_return Error{
          "message " + text::one_line(known.id, 80),
          "is the start of one of " + std::to_string(known.size) + " bytes; the rest was not kept",
          "publish it again from where it came"};
    Message fresh = make_replay(letter.message(), queue_, to_micros(clock_.wall()));
    if (order_.as_new) fresh.message_id = new_id;
    co_return co_await letter.replay(std::move(fresh));
  }

  const DeadOrder& order_;
  DeadLetters& letters_;
  const Clock& clock_;
  TellDead tell_;
  std::string queue_;
  std::int64_t n_ = 0, seen_ = 0;
  bool more_ = false, over_ = false;
};

}  // namespace

Task<Result<void>> carry_out(const DeadOrder& order, DeadLetters& letters, const Clock& clock,
                             TellDead tell) {
  Clerk clerk(order, letters, clock, std::move(tell));
  Result<void> done = co_await clerk.run();
  co_return done;
}

}  // namespace rbit
