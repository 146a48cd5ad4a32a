#include "rbit/run/safe_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "rbit/base/trusted_path.h"

namespace rbit {

namespace {

Error errno_error(const std::string& path, const char* cure = "") {
  return Error::of_system(path, errno, cure);
}

Result<Walked> find(const std::string& path, long trusted_uid) {
  auto found = walk_path(path, [trusted_uid](const std::string& name, const struct stat& part) {
    return refuse_meddlers(name, part, trusted_uid);
  });
  if (!found) return found;
  if (found->is_missing) return Error{found->path, std::strerror(ENOENT), ""};
  if (!S_ISREG(found->info.st_mode)) return Error{path, "is not a regular file", ""};
  return found;
}

}  // namespace

Result<void> check_code_file(const std::string& path, long trusted_uid) {
  const auto found = find(path, trusted_uid);
  if (!found) return found.error();
  return {};
}

Result<Fd> open_code_file(const std::string& path, long trusted_uid) {
  const auto found = find(path, trusted_uid);
  if (!found) return found.error();
  // Non-blocking, in case it has become a FIFO since.
  Fd file(::openat(found->directory.get(), found->name.c_str(),
                   O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!file) return errno_error(path, "may rbit read it?");
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return errno_error(path);
  if (info.st_dev != found->info.st_dev || info.st_ino != found->info.st_ino)
    return Error{path, "was replaced while it was looked at", "try again"};
  return file;
}

}  // namespace rbit
