#include "rbit/config/section_reader.h"
#include "rbit/config/sections.h"

namespace rbit::config {

namespace {

/// The order of INTEROP.md 1.4: the command line, [log], Python's sections, our default.
std::string read_level(SectionReader& reader, const PythonLogging& python,
                       const Overrides& overrides) {
  if (overrides.debug) {
    reader.note("level", "DEBUG", {"command line", 0});
    return "DEBUG";
  }
  if (reader.has("level") || python.level.empty()) return reader.choice("level");
  reader.note("level", python.level, python.level_place);
  return python.level;
}

}  // namespace

void read_log(const Ini& ini, const PythonLogging& python, const Overrides& overrides,
              Loaded& loaded) {
  SectionReader reader(ini.find("log"), "log", "log", loaded);
  LogSettings& log = loaded.settings.log;
  log.level = read_level(reader, python, overrides);
  log.json = reader.choice("format") == "json";
  log.redact = reader.list("redact");
  if (reader.has("file") || python.file.empty()) {
    log.file = reader.path("file");
  } else {
    log.file = python.file;
    reader.note("file", python.file, python.file_place);
  }
  log.keep_days = reader.number("keep-days");
  log.keep_size = reader.size("keep-size");
}

}  // namespace rbit::config
