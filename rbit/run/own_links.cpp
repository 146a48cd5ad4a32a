#include "rbit/run/own_links.h"

#include <dirent.h>
#include <fcntl.h>

#include <cerrno>
#include <memory>
#include <string>

#include "rbit/base/fd.h"
#include "rbit/base/shortage.h"

namespace rbit {

namespace {

constexpr int most_levels = 64;

}  // namespace

nlink_t OwnLinks::count(const struct stat& info) {
  if (!counted_ && work_) look(work_.directory().get(), 0);
  if (!counted_ && tmp_) look(tmp_.directory().get(), 0);
  counted_ = true;
  const auto found = names_.find({info.st_dev, info.st_ino});
  return found == names_.end() ? 0 : found->second;
}

void OwnLinks::look(int directory, int level) {
  Fd copy(::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(copy ? ::fdopendir(copy.get()) : nullptr,
                                                   ::closedir);
  if (!stream) return note_failure(errno);
  copy.release();
  while (const dirent* entry = ::readdir(stream.get())) {
    const std::string name = entry->d_name;
    struct stat info {};
    if (name == "." || name == "..") continue;
    if (--left_ < 0) return;
    if (::fstatat(directory, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
    if (S_ISREG(info.st_mode) && info.st_nlink > 1) ++names_[{info.st_dev, info.st_ino}];
    if (!S_ISDIR(info.st_mode) || level == most_levels) continue;
    const Fd below(
        ::openat(directory, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    below ? look(below.get(), level + 1) : note_failure(errno);
  }
}

void OwnLinks::note_failure(int error) {
  if (is_shortage(error)) shortage_ = error;
}

}  // namespace rbit
