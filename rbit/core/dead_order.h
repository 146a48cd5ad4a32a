#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "rbit/base/result.h"

namespace rbit {

/// What `rbit dead` is asked to do.
struct DeadOrder {
  enum class Kind { list, show, replay, drop };
  Kind kind = Kind::list;
  std::vector<std::string> queues;  // work queues, in this order; empty: all
  std::vector<std::string> ids;     // keys or PyBit's numbers; empty: all
  std::string reason;               // a reason, or the words it begins with; empty: any
  std::int64_t limit = 0;           // of letters that fit; 0: none
  bool as_new = false;              // replay: under a key of its own, told as "new_id"
};

/// "list", "show", "replay", "drop"
std::string_view to_string(DeadOrder::Kind kind);

/// For the control socket.
nlohmann::json to_json(const DeadOrder& order);
/// An Error if it is no order.
Result<DeadOrder> dead_order_from(const nlohmann::json& json);

}  // namespace rbit
