#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "rbit/monitor/monitor_source.h"

namespace rbit {

/// The page at /: one file, which asks for all that it shows (page_service.h).
std::string_view page_document();
/// Its content policy: its own script and style by their digests, and nothing from elsewhere.
const std::string& page_policy();

/// The form by which a browser shows the token; `refusal`: what was wrong with the last one.
std::string login_page(std::string_view refusal);
const std::string& login_policy();

/// The same for who has no script, HTML. Every text is escaped; `now` in microseconds since 1970.
std::string page(const MonitorNumbers& numbers, const MonitorDetails& details, std::int64_t now,
                 const std::string& metrics_path);

/// Served at /style.css: the plain page's content policy allows no style within it.
std::string_view page_style();

/// For HTML text and attributes; control characters become \xNN.
std::string html_escape(std::string_view text);

}  // namespace rbit
