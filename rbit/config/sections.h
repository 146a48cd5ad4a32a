#pragma once

#include <string>
#include <vector>

#include "rbit/config/ini.h"
#include "rbit/config/settings.h"

/// The readers of the sections, one source file each; `load` calls them. Each fills its part of
/// `loaded.settings` and adds its findings and values.
namespace rbit::config {

void read_rbit(const Ini& ini, const IniSection* section, const Overrides& overrides,
               Loaded& loaded);
/// The queues of both forms. After `read_runners`: every queue must name a runner.
void read_queues(const IniSection* section, Loaded& loaded);
void read_amqp(const Ini& ini, Loaded& loaded);
void read_runners(const Ini& ini, Loaded& loaded);
void read_status(const Ini& ini, Loaded& loaded);
void read_monitor(const Ini& ini, Loaded& loaded);

/// What Python's logging sections (INTEROP.md 1.4) say that rbit has a use for.
struct PythonLogging {
  std::string level;  // as [log] level spells it; empty: not said
  Place level_place;
  std::string file;  // absolute; empty: not said
  Place file_place;
};
PythonLogging read_python_logging(const Ini& ini, Loaded& loaded);
void read_log(const Ini& ini, const PythonLogging& python, const Overrides& overrides,
              Loaded& loaded);

/// Keys and sections that nobody reads, and the traces of the oldest dialects.
void check_unknown(const Ini& ini, Loaded& loaded);

}  // namespace rbit::config
