#include "rbit/log/watched_file.h"

#include <sys/stat.h>

namespace rbit::log {

void WatchedFile::before_line(std::time_t, std::int64_t) {
  struct stat there {
  }, ours{};
  const bool same = ::stat(path().c_str(), &there) == 0 && ::fstat(descriptor(), &ours) == 0 &&
                    there.st_dev == ours.st_dev && there.st_ino == ours.st_ino;
  if (!same) open();
}

}  // namespace rbit::log
