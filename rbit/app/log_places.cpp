#include "rbit/app/log_places.h"

#include <sys/stat.h>

#include "rbit/base/trusted_path.h"

namespace rbit {

namespace {

/// Links that the kernel makes up, and devices.
bool is_special(const std::string& path) {
  return path.starts_with("/proc/") ||
         (path.starts_with("/dev/") && !path.starts_with("/dev/shm/"));
}

Result<void> look(const std::string& path, const struct stat& part) {
  const bool is_way = S_ISDIR(part.st_mode) || S_ISLNK(part.st_mode);
  if (!is_way && !S_ISREG(part.st_mode)) return {};
  const Meddler meddler = meddler_of(part);
  const bool is_harmless = meddler == Meddler::group || (!is_way && meddler == Meddler::others);
  return is_harmless ? Result<void>() : refuse_meddlers(path, part);
}

}  // namespace

Result<void> check_log_place(const std::string& path) {
  if (path.empty() || is_special(path)) return {};
  bool is_refused = false;
  const auto found = walk_path(path, [&](const std::string& name, const struct stat& part) {
    auto seen = look(name, part);
    is_refused = !seen;
    return seen;
  });
  if (is_refused) return found.error();
  return {};  // of whatever else is wrong the one who opens it knows more
}

Result<void> check_log_places(const config::LogSettings& log) {
  if (auto safe = check_log_place(log.file); !safe) return safe;
  for (const auto& handler : log.handlers)
    if (handler.kind != log::HandlerSettings::Kind::syslog)
      if (auto safe = check_log_place(handler.path); !safe) return safe;
  return {};
}

}  // namespace rbit
