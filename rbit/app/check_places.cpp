#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "rbit/app/checks.h"
#include "rbit/app/log_places.h"
#include "rbit/app/state_dir.h"
#include "rbit/base/disk.h"
#include "rbit/monitor/http_server.h"
#include "rbit/run/directories.h"

namespace rbit {

namespace {

/// A directory that rbit makes at its start, or uses.
void check_directory(const std::string& key, const std::string& path, Sharing sharing,
                     CheckFindings& findings) {
  if (const auto can = can_make_directories(path, sharing); !can)
    findings.fail({"[rbit] " + key + " = " + path, can.error().what(), can.error().cure});
}

void check_room(const config::Settings& settings, CheckFindings& findings) {
  for (const auto& [key, path] :
       {std::pair{"state-dir", settings.state_dir}, std::pair{"work-dir", settings.work_dir}}) {
    const auto space = disk::space_at(path);
    const std::string thing = std::string("[rbit] ") + key;
    if (!space) {
      findings.warn({thing, space.error().text()});
      continue;
    }
    const std::int64_t limit = settings.min_free_disk.of(space->total);
    if (space->free < limit)
      findings.warn({thing,
                     path + " has " + disk::size_text(space->free) +
                         " free, and rbit takes nothing below " + disk::size_text(limit),
                     "make room, or set [rbit] min-free-disk lower"});
  }
}

/// A file that rbit will open to write its log to.
void check_log_file(const std::string& path, CheckFindings& findings) {
  const std::string thing = "the log file " + path;
  const char* const cure = "name another file, or make it writable for the user rbit runs as";
  if (const auto safe = check_log_place(path); !safe) {
    findings.fail({thing, safe.error().what(), safe.error().cure});
    return;
  }
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0) {
    if (S_ISDIR(info.st_mode))
      findings.fail({thing, "is a directory", cure});
    else if (::access(path.c_str(), W_OK) != 0)
      findings.fail({thing, std::string("cannot be written to: ") + std::strerror(errno), cure});
    return;
  }
  const auto parent = std::filesystem::path(path).parent_path().string();
  if (const auto can = can_make_directories(parent, Sharing::with_group); !can)
    findings.fail({thing, can.error().what(), cure});
}

void check_log(const config::LogSettings& log, CheckFindings& findings) {
  if (!log.file.empty()) check_log_file(log.file, findings);
  for (const auto& handler : log.handlers) {
    const bool syslog = handler.kind == log::HandlerSettings::Kind::syslog;
    struct stat info {};
    if (!syslog && !handler.path.empty() && handler.path != log.file)
      check_log_file(handler.path, findings);
    if (syslog && !handler.path.empty() &&
        (::stat(handler.path.c_str(), &info) != 0 || !S_ISSOCK(info.st_mode)))
      findings.warn({"syslog at " + handler.path, "is no socket: its lines are lost",
                     "start the syslog daemon, or correct the handler's args"});
  }
}

}  // namespace

void check_places(const config::Settings& settings, CheckFindings& findings) {
  if (disk::is_on_network(settings.state_dir))
    findings.fail(StateDir::network_error(settings.state_dir));
  check_directory("state-dir", settings.state_dir, Sharing::nothing, findings);
  if (const auto fits = StateDir::check_socket(settings.state_dir); !fits)
    findings.fail(fits.error());
  check_directory("work-dir", settings.work_dir, Sharing::names, findings);
  check_room(settings, findings);
  check_log(settings.log, findings);
  if (settings.monitor.token_file.empty()) return;
  try {
    (void)read_token(settings.monitor.token_file);
  } catch (const Fatal& refused) {
    for (const auto& reason : refused.lines()) findings.fail({"", reason});
  }
}

}  // namespace rbit
