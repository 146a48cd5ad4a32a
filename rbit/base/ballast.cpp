#include "rbit/base/ballast.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rbit/base/fd.h"

namespace rbit {

bool Ballast::make() {
  if (is_there()) return true;
  const Fd file(::open(path_.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file) return false;
  if (::posix_fallocate(file.get(), 0, size) == 0) return true;
  ::unlink(path_.c_str());  // a part of it is of no use
  return false;
}

bool Ballast::drop() {
  return ::unlink(path_.c_str()) == 0;
}

bool Ballast::is_there() const {
  struct stat info {};
  return ::stat(path_.c_str(), &info) == 0 && info.st_size >= size;
}

}  // namespace rbit
