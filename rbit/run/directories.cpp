#include "rbit/run/directories.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>

namespace rbit {

Result<void> make_directories(const std::string& path, mode_t mode) {
  // From the left, for a path of a configuration may be long but has few parts.
  for (std::size_t end = 0; end != std::string::npos;) {
    end = path.find('/', end + 1);
    const std::string part = path.substr(0, end);
    if (::mkdir(part.c_str(), mode) == 0 || errno == EEXIST) continue;
    // A directory above that we may not write to, or a read-only file system: as long as it exists.
    struct stat info {};
    const int error = errno;
    if (::stat(part.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) continue;
    return Error{part, std::string("cannot be made: ") + std::strerror(error), ""};
  }
  return {};
}

mode_t output_mode(const std::string& output_dir, const std::string& state_dir) {
  const bool inside = output_dir == state_dir || output_dir.starts_with(state_dir + "/");
  return inside ? 0700 : 0755;
}

}  // namespace rbit
