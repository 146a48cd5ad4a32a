#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "rbit/monitor/monitor_source.h"

namespace rbit {

/// The page at /, HTML. Every text is escaped; `now` in microseconds since 1970.
std::string page(const MonitorNumbers& numbers, const MonitorDetails& details, std::int64_t now,
                 const std::string& metrics_path);

/// Served at /style.css: the page's content policy allows no style within it.
std::string_view page_style();

/// For HTML text and attributes; control characters become \xNN.
std::string html_escape(std::string_view text);

}  // namespace rbit
