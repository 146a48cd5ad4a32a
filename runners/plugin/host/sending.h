#pragma once

#include <rbit/plugin.h>

#include <string>
#include <string_view>

#include "rbit/base/result.h"
#include "runners/plugin/host/event_channel.h"

/// What a plugin sends: checked, as far as that can be done here, and written as one event. An
/// Error has a reason and perhaps a cure.
namespace rbit::plugin_host::sending {

/// `options` may be nullptr.
Result<void> publish(EventChannel& events, std::string_view exchange, std::string_view key,
                     std::string_view body, const rbit_publish_options* options);

Result<void> progress(EventChannel& events, double done, double total, std::string_view text);

Result<void> metric(EventChannel& events, std::string_view name, int change, double value,
                    const rbit_label* labels, std::size_t label_count);

/// The result as it goes into the verdict: one line of JSON.
Result<std::string> checked_result(std::string_view json);

}  // namespace rbit::plugin_host::sending
