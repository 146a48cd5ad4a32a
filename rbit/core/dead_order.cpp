#include "rbit/core/dead_order.h"

#include <nlohmann/json.hpp>

#include "rbit/base/names.h"

namespace rbit {

using nlohmann::json;

namespace {

constexpr Named<DeadOrder::Kind> kinds[] = {{DeadOrder::Kind::list, "list"},
                                            {DeadOrder::Kind::show, "show"},
                                            {DeadOrder::Kind::replay, "replay"},
                                            {DeadOrder::Kind::drop, "drop"}};

}  // namespace

std::string_view to_string(DeadOrder::Kind kind) {
  return name_in(kinds, kind);
}

json to_json(const DeadOrder& order) {
  json made;
  made["act"] = to_string(order.kind);
  made["queues"] = order.queues;
  made["ids"] = order.ids;
  made["reason"] = order.reason;
  made["limit"] = order.limit;
  made["as_new"] = order.as_new;
  return made;
}

Result<DeadOrder> dead_order_from(const json& from) {
  const Error none{"control socket", "no such order", "use an rbit of the same version"};
  DeadOrder order;
  try {
    const auto kind = value_in(kinds, from.at("act").get<std::string>());
    if (!kind || !from.at("limit").is_number_integer()) return none;
    order.kind = *kind;
    from.at("queues").get_to(order.queues);
    from.at("ids").get_to(order.ids);
    from.at("reason").get_to(order.reason);
    from.at("limit").get_to(order.limit);
    order.as_new = from.value("as_new", false);  // an older command does not say
  } catch (const json::exception&) {
    return none;
  }
  return order;
}

}  // namespace rbit
