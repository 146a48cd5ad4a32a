#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "rbit/base/message_properties.h"
#include "rbit/base/result.h"
#include "rbit/core/body.h"

namespace rbit {

/// Where messages are published to. With an empty exchange, which is the default one, the key is
/// the name of a queue.
struct Destination {
  std::string exchange, key;
};

/// A message that a job, or rbit for it, sends to a broker. Its message id is given when it is put
/// on record.
struct Publication {
  Destination to;
  MessageProperties properties;
  Body body;
  std::chrono::milliseconds delay{0};
  /// An answer to who waits for it: once his queue is gone nobody wants it any more.
  bool is_reply = false;
};

/// What a broker that keeps its messages in our journal's file does with a publication, within the
/// transaction that commits it.
using Enqueue =
    std::function<Result<void>(const Publication& publication, const std::string& message_id)>;

/// What a job says of a metric that its runner declares.
struct MetricChange {
  enum class Kind { add, set };
  std::string name;
  Kind kind = Kind::add;
  double value = 0;
  std::map<std::string, std::string> labels;
};

/// How far a job is, by its own word. `total` 0: it does not say.
struct Progress {
  double done = 0, total = 0;
  std::string text;
};

/// What a job gives beside its verdict. It is put on record and leaves with that, if it is done; of
/// a job that ended otherwise nothing leaves.
struct Given {
  std::string result;  // JSON; empty: none
  std::vector<Publication> publications;
  std::vector<MetricChange> metrics;
  bool stops_chain = false;  // of a task: no other follows it
};

}  // namespace rbit
