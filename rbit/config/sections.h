#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "rbit/config/ini.h"
#include "rbit/config/settings.h"

/// The readers of the sections, one source file each; `load` calls them. Each fills its part of
/// `loaded.settings` and adds its findings and values.
namespace rbit::config {

/// A queue's name, and rbit's own, has at most so many bytes: AMQP allows 255, and our longest
/// prefix and suffix must fit in beside it.
inline constexpr std::size_t longest_name = 220;

void read_rbit(const Ini& ini, const Ini* section, const Overrides& overrides, Loaded& loaded);
/// The queues of both forms. After `read_runners`: every queue must name a runner.
void read_queues(const Ini* section, Loaded& loaded);
void read_amqp(const Ini& ini, Loaded& loaded);
void read_runners(const Ini& ini, Loaded& loaded);
/// After `read_runners`, before `read_queues`: a route names runners, and queues name routes.
void read_routes(const Ini& ini, Loaded& loaded);
/// After `read_runners`: a hook may name runners.
void read_hooks(const Ini& ini, Loaded& loaded);
void read_status(const Ini& ini, Loaded& loaded);
void read_monitor(const Ini& ini, Loaded& loaded);

/// What Python's logging sections say (rbit/doc/formats.rst, logging-sections).
struct PythonLogging {
  bool said = false;  // there are such sections
  std::vector<log::HandlerSettings> handlers;
  std::vector<log::LoggerSettings> loggers;
  std::vector<Value> values;  // for `show`: which are in force, [log] decides
};
PythonLogging read_python_logging(const Ini& ini, Loaded& loaded);
void read_log(const Ini& ini, PythonLogging python, const Overrides& overrides, Loaded& loaded);

/// Reads the files that the first of `sources`, which stands at `path`, includes, behind it.
void read_included(const std::string& path, std::vector<IniSource>& sources, Loaded& loaded);
/// Who besides us and root may write to the file, or put another in its place, decides what rbit
/// runs: an error.
void check_exposure(const std::string& path, Loaded& loaded);

/// Metrics that jobs declare, against rbit's own and each other. After `read_runners` and
/// `read_monitor`.
void check_metrics(Loaded& loaded);

/// One directory for two purposes, and / for any. After `read_rbit` and `read_runners`.
void check_directories(Loaded& loaded);

/// Where jobs may publish, where the queues are the embedded ones. After `read_amqp`.
void check_sending(Loaded& loaded);

/// Keys and sections that nobody reads, and the traces of the oldest dialects.
void check_unknown(const Ini& ini, Loaded& loaded);

}  // namespace rbit::config
