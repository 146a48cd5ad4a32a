#include "rbit/run/workspace.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <utility>

#include "rbit/base/fd.h"
#include "rbit/base/text.h"
#include "rbit/base/trusted_path.h"
#include "rbit/core/job_name.h"
#include "rbit/log/log.h"

namespace rbit {

namespace {

constexpr int most_names = 10'000;  // of one attempt; what is kept keeps its name

Error errno_error(const std::string& path, const char* doing) {
  return Error::while_doing(doing, path, errno);
}

/// To whom a new directory is given, and with which mode, whatever the umask.
struct Rights {
  mode_t mode;
  uid_t uid;
  gid_t gid;
};

/// A directory that was just made, by its descriptor. `path` is for people.
Result<Fd> open_fresh(int above, const std::string& name, const std::string& path,
                      const Rights& rights) {
  Fd made(::openat(above, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat info {};
  if (!made || ::fstat(made.get(), &info) != 0) return errno_error(path, "cannot be opened");
  const bool is_ours = info.st_uid == ::geteuid();
  const bool is_given = info.st_uid == rights.uid && info.st_gid == rights.gid;
  if (!is_ours) return Error{path, "was replaced while it was made", ""};
  if (!is_given && ::fchown(made.get(), rights.uid, rights.gid) != 0)
    return errno_error(path, "cannot be given to the job's user");
  if (::fchmod(made.get(), rights.mode) != 0) return errno_error(path, "cannot get its mode");
  return made;
}

Result<Fd> make_fresh(int above, const std::string& name, const std::string& path,
                      const Rights& rights) {
  if (::mkdirat(above, name.c_str(), 0700) != 0) return errno_error(path, "cannot be made");
  return open_fresh(above, name, path, rights);
}

/// Makes a directory of that name, or of the first "NAME.2", "NAME.3" that is free: what is there
/// may be in use, or was kept. Gives the name.
Result<std::string> make_unused(int above, const std::string& name, const std::string& path) {
  for (int i = 1; i <= most_names; ++i) {
    std::string tried = i == 1 ? name : name + "." + std::to_string(i);
    if (::mkdirat(above, tried.c_str(), 0700) == 0) return tried;
    if (errno != EEXIST) break;
  }
  return errno_error(path + "/" + name, "cannot be made");
}

/// To where their own directories lie, whose names they cannot list.
Result<void> let_others_pass(int directory, const std::string& path) {
  struct stat info {};
  if (::fstat(directory, &info) != 0) return errno_error(path, "cannot be looked at");
  if (info.st_uid != ::geteuid() || (info.st_mode & 0011) == 0011) return {};
  if (::fchmod(directory, (info.st_mode & 07777) | 0011) != 0)
    return errno_error(path, "cannot be opened for the job's user");
  return {};
}

/// Readable for the job's user alone: others may have his group.
Result<void> write_file(int directory, const std::string& name, const std::string& path,
                        std::string_view body, const Rights& rights) {
  Fd file(::openat(directory, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                   0400));
  if (!file) return errno_error(path, "cannot be made");
  if (!write_all(file.get(), body)) return errno_error(path, "cannot be written");
  if (rights.uid != ::geteuid() && ::fchown(file.get(), rights.uid, rights.gid) != 0)
    return errno_error(path, "cannot be given to the job's user");
  return {};
}

Rights rights_of(const Account* owner) {
  return {0700, owner ? owner->uid : ::geteuid(), owner ? owner->gid : ::getegid()};
}

std::string name_of(const Job& job) {
  return job_name_of(job.queue, job.key) + "-" + std::to_string(job.attempt);
}

}  // namespace

Result<Workspace> Workspace::make(const std::string& work_dir, const Job& job,
                                  const Account* owner) {
  const auto place = open_trusted_directory(work_dir, owner ? 0711 : 0700, Sharing::names);
  if (!place) return place.error();
  if (owner)
    if (auto open = let_others_pass(place->get(), work_dir); !open) return open.error();
  const auto name = make_unused(place->get(), name_of(job), work_dir);
  if (!name) return name.error();

  Workspace space(work_dir + "/" + *name);
  const Rights his = rights_of(owner);
  // He may pass through, not write: what lies in it cannot be replaced by him.
  const Rights ours{static_cast<mode_t>(owner ? 0710 : 0700), ::geteuid(), his.gid};
  const auto root = open_fresh(place->get(), *name, space.root_, ours);
  if (!root) return root.error();
  if (auto made = make_fresh(root->get(), "work", space.path(), his); !made) return made.error();
  if (auto made = make_fresh(root->get(), "tmp", space.tmp_dir(), his); !made) return made.error();
  const auto written = write_file(root->get(), "message", space.message_file(), job.body, his);
  if (!written) return written.error();
  return space;
}

Result<std::string> Workspace::add(const std::string& name, std::string_view bytes,
                                   const Account* owner) const {
  const std::string path = root_ + "/" + name;
  const Fd root(::open(root_.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!root) return errno_error(root_, "cannot be opened");
  const auto written = write_file(root.get(), name, path, bytes, rights_of(owner));
  if (!written) return written.error();
  return path;
}

bool Workspace::is_named_after(const std::string& root, const Job& job) {
  const auto slash = root.rfind('/');
  const std::string name = name_of(job);
  if (!root.starts_with('/') || root.compare(slash + 1, name.size(), name) != 0) return false;
  const std::string_view rest = std::string_view(root).substr(slash + 1 + name.size());
  long long number = 0;
  return rest.empty() ||
         (rest.front() == '.' && text::parse_number(rest.substr(1), 2, most_names, number));
}

Workspace::Workspace(Workspace&& other) noexcept
    : root_(std::move(other.root_)), removed_(std::exchange(other.removed_, true)) {}

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
