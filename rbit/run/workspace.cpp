#include "rbit/run/workspace.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <string_view>
#include <utility>

#include "rbit/base/fd.h"
#include "rbit/base/log.h"
#include "rbit/base/text.h"
#include "rbit/run/directories.h"

namespace rbit {

namespace {

Error errno_error(const std::string& path, const char* doing) {
  return Error{path, std::string(doing) + ": " + std::strerror(errno), ""};
}

/// A directory that was not there before, with this mode whatever the umask.
Result<void> make_fresh(const std::string& path, mode_t mode, uid_t uid, gid_t gid, bool chown_it) {
  if (::mkdir(path.c_str(), 0700) != 0) return errno_error(path, "cannot be made");
  if (chown_it && ::lchown(path.c_str(), uid, gid) != 0)
    return errno_error(path, "cannot be given to the job's user");
  if (::chmod(path.c_str(), mode) != 0) return errno_error(path, "cannot get its mode");
  return {};
}

/// To where their own directories lie, whose names they cannot list.
Result<void> let_others_pass(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return errno_error(path, "cannot be looked at");
  if (info.st_uid != ::geteuid() || (info.st_mode & 0011) == 0011) return {};
  if (::chmod(path.c_str(), (info.st_mode & 07777) | 0011) != 0)
    return errno_error(path, "cannot be opened for the job's user");
  return {};
}

Result<void> write_message(const std::string& path, std::string_view body, const gid_t* group) {
  Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0400));
  if (!file) return errno_error(path, "cannot be made");
  if (group != nullptr &&
      (::fchown(file.get(), ::geteuid(), *group) != 0 || ::fchmod(file.get(), 0440) != 0))
    return errno_error(path, "cannot be given to the job's group");
  while (!body.empty()) {
    const ssize_t count = ::write(file.get(), body.data(), body.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno_error(path, "cannot be written");
    body.remove_prefix(static_cast<std::size_t>(count));
  }
  return {};
}

}  // namespace

Result<Workspace> Workspace::make(const std::string& work_dir, const Job& job,
                                  std::optional<Owner> owner) {
  if (auto made = make_directories(work_dir, owner ? 0711 : 0700); !made) return made.error();
  if (owner)
    if (auto open = let_others_pass(work_dir); !open) return open.error();
  std::string root = work_dir + "/" + text::slug(job.key) + "-" + std::to_string(job.attempt);
  // Whoever made it is gone: one rbit a state directory, and this attempt is not running.
  if (auto removed = remove_tree(root); !removed) return removed.error();

  Workspace space(std::move(root));
  const bool other = owner.has_value();
  const uid_t uid = other ? owner->uid : ::geteuid();
  const gid_t gid = other ? owner->gid : ::getegid();
  // The job's user may pass through, not write: the message and the two directories stay ours.
  if (auto made = make_fresh(space.root_, other ? 0710 : 0700, ::geteuid(), gid, other); !made)
    return made.error();
  if (auto made = make_fresh(space.path(), 0700, uid, gid, other); !made) return made.error();
  if (auto made = make_fresh(space.tmp_dir(), 0700, uid, gid, other); !made) return made.error();
  const auto written = write_message(space.message_file(), job.body, other ? &gid : nullptr);
  if (!written) return written.error();
  return space;
}

Workspace::Workspace(Workspace&& other) noexcept
    : root_(std::move(other.root_)), removed_(std::exchange(other.removed_, true)) {}

Workspace& Workspace::operator=(Workspace&& other) noexcept {
  if (this != &other) {
    Workspace old(std::move(*this));  // removes what we had
    root_ = std::move(other.root_);
    removed_ = std::exchange(other.removed_, true);
  }
  return *this;
}

Workspace::~Workspace() {
  if (removed_) return;
  if (const auto result = remove_tree(root_); !result) log::warning(result.error().text());
}

Task<Result<void>> Workspace::remove() {
  if (std::exchange(removed_, true)) co_return Result<void>();
  std::string root = root_;
  co_return co_await remove_tree_aside(std::move(root));
}

}  // namespace rbit
