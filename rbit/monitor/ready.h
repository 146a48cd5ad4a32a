#pragma once

#include "rbit/monitor/http_server.h"
#include "rbit/monitor/monitor_source.h"

namespace rbit {

/// Whether a job of every queue may begin: the journal takes it, the broker is there, and the queue
/// is read.
bool is_ready(const MonitorNumbers& numbers);

/// The answer to /ready: 200, or 503. JSON, "ok" or why not of each: {"journal": "ok", "broker":
/// "ok", "queues": {"NAME": "REASON"}, "status": "fail"}. While rbit starts or drains also {"rbit":
/// "REASON"}.
HttpReply ready_answer(const MonitorNumbers& numbers);

}  // namespace rbit
