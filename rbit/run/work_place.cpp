#include "rbit/run/work_place.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "rbit/run/open_below.h"
#include "rbit/run/whole_file.h"

namespace rbit {

namespace {

// A directory never shrinks, and what was once large is slow to read: bytes.
constexpr std::uint64_t largest_directory = 16 * 1024;
// More than the pause between two ticks of the clock that change times are taken from, and than
// what file systems round them to.
constexpr long long settled_after = 20'000'000;  // ns
// What an owner can set; others come and go by themselves (that a directory has an index).
constexpr unsigned flags_of_users = FS_FL_USER_MODIFIABLE | FS_JOURNAL_DATA_FL | FS_NOCOW_FL |
                                    FS_DAX_FL | FS_PROJINHERIT_FL | FS_CASEFOLD_FL;

Error errno_error(const std::string& path, const char* doing) {
  return Error::while_doing(doing, path, errno);
}

/// To whom a new directory is given, and with which mode, whatever the umask.
struct Rights {
  mode_t mode;
  uid_t uid;
  gid_t gid;
};

Result<Fd> make_directory(int above, const std::string& name, const std::string& path,
                          const Rights& rights) {
  if (::mkdirat(above, name.c_str(), 0700) != 0) return errno_error(path, "cannot be made");
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

/// Readable for the job's user alone: others may have his group. Ours to write.
Result<Fd> make_file(int directory, const char* name, const std::string& path,
                     const PlaceOwner& owner) {
  Fd file(::openat(directory, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0400));
  if (!file) return errno_error(path, "cannot be made");
  if (owner.is_other && ::fchown(file.get(), owner.uid, owner.gid) != 0)
    return errno_error(path, "cannot be given to the job's user");
  return file;
}

Result<void> fill_file(const Fd& file, const std::string& path, std::string_view bytes) {
  if (!write_at(file.get(), bytes, 0)) return errno_error(path, "cannot be written");
  return {};
}

bool look_at(int directory, const char* name, struct statx& info) {
  const int how = AT_SYMLINK_NOFOLLOW | (*name == '\0' ? AT_EMPTY_PATH : 0);
  return ::statx(directory, name, how, STATX_BASIC_STATS, &info) == 0;
}

/// But for times and size. What is mounted over it has another device, or is a mount's root.
bool are_same(const struct statx& one, const struct statx& other) {
  return one.stx_ino == other.stx_ino && one.stx_dev_major == other.stx_dev_major &&
         one.stx_dev_minor == other.stx_dev_minor && one.stx_mode == other.stx_mode &&
         one.stx_uid == other.stx_uid && one.stx_gid == other.stx_gid &&
         one.stx_nlink == other.stx_nlink && one.stx_attributes == other.stx_attributes;
}

bool have_one_ctime(const struct statx& one, const struct statx& other) {
  return one.stx_ctime.tv_sec == other.stx_ctime.tv_sec &&
         one.stx_ctime.tv_nsec == other.stx_ctime.tv_nsec;
}

/// Extended attributes, access lists among them: names and values. A file system without any has
/// none.
std::string attributes_of(int fd) {
  std::array<char, 4096> names{};
  const ssize_t size = ::flistxattr(fd, names.data(), names.size());
  if (size < 0) return errno == ENOTSUP ? "" : "more than can be read";
  std::string all;
  for (const char* name = names.data(); name < names.data() + size; name += std::strlen(name) + 1) {
    std::array<char, 4096> value{};
    const ssize_t length = ::fgetxattr(fd, name, value.data(), value.size());
    all.append(name).append(1, '=');
    if (length < 0) all += "more than can be read";
    all.append(value.data(), static_cast<std::size_t>(std::max<ssize_t>(0, length)))
        .append(1, '\0');
  }
  return all;
}

unsigned flags_of(int fd) {
  unsigned flags = 0;
  return ::ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0 ? flags & flags_of_users : 0;
}

unsigned project_of(int fd) {
  fsxattr more{};
  return ::ioctl(fd, FS_IOC_FSGETXATTR, &more) == 0 ? more.fsx_projid : 0;
}

}  // namespace

PlaceOwner PlaceOwner::of(const Account* account) {
  static const uid_t own_user = ::geteuid();
  static const gid_t own_group = ::getegid();
  if (account == nullptr) return {own_user, own_group, false};
  return {account->uid, account->gid, account->uid != own_user};
}

WorkPlace::WorkPlace(std::shared_ptr<const Fd> directory, std::string root, std::string name,
                     const PlaceOwner& owner)
    : directory_(std::move(directory)),
      root_(std::move(root)),
      name_(std::move(name)),
      owner_(owner) {}

Result<std::unique_ptr<WorkPlace>> WorkPlace::make(std::shared_ptr<const Fd> directory,
                                                   const std::string& path, const std::string& name,
                                                   const PlaceOwner& owner) {
  std::unique_ptr<WorkPlace> place(
      new WorkPlace(std::move(directory), path + "/" + name, name, owner));
  auto made = place->fill();
  if (made) made = place->learn();
  if (made) return place;
  (void)place->remove_parts();
  return made.error();
}

Result<void> WorkPlace::fill() {
  // He may pass through, not write: what lies in it cannot be replaced by him.
  const Rights ours{static_cast<mode_t>(owner_.is_other ? 0710 : 0700), ::geteuid(), owner_.gid};
  const Rights his{0700, owner_.uid, owner_.gid};
  auto top = make_directory(directory_->get(), name_, root_, ours);
  if (!top) return top.error();
  top_ = std::move(*top);
  for (const char* name : {"work", "tmp"})
    if (auto made = make_directory(top_.get(), name, root_ + "/" + name, his); !made)
      return made.error();
  auto message = make_file(top_.get(), "message", root_ + "/message", owner_);
  if (!message) return message.error();
  message_ = std::move(*message);
  return {};
}

/// How it is now is how it has to be.
Result<void> WorkPlace::learn() {
  const auto learn_part = [this](int directory, const char* name, const Fd& fd, Part& part) {
    if (!fd || !look_at(directory, name, part.info)) return false;
    part.attributes = attributes_of(fd.get());
    part.flags = flags_of(fd.get());
    part.project = project_of(fd.get());
    return true;
  };
  const auto open_directory = [this](const char* name) {
    return Fd(::openat(top_.get(), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  };
  const bool is_known = learn_part(top_.get(), "work", open_directory("work"), work_) &&
                        learn_part(top_.get(), "tmp", open_directory("tmp"), tmp_) &&
                        learn_part(top_.get(), "message", message_, message_part_) &&
                        learn_part(directory_->get(), name_.c_str(), top_, top_part_);
  if (!is_known) return errno_error(root_, "cannot be looked at");
  return {};
}

bool WorkPlace::begin_job() {
  struct statx now {};
  ::clock_gettime(CLOCK_REALTIME_COARSE, &begun_);
  return look_at(directory_->get(), name_.c_str(), now) && are_same(top_part_.info, now) &&
         have_one_ctime(top_part_.info, now);
}

Result<void> WorkPlace::write_message(std::string_view bytes) {
  return fill_file(message_, root_ + "/message", bytes);
}

Result<std::string> WorkPlace::add(const std::string& name, std::string_view bytes) {
  spoil();
  const std::string path = root_ + "/" + name;
  const auto file = make_file(top_.get(), name.c_str(), path, owner_);
  if (!file) return file.error();
  if (auto written = fill_file(*file, path, bytes); !written) return written.error();
  return path;
}

bool WorkPlace::end_job() {
  return !is_spoilt_ && is_root_as_made() && is_directory_as_made("work", work_) &&
         is_directory_as_made("tmp", tmp_) && empty_message();
}

/// Whatever happens to an inode gives it a new change time, which nobody can choose. The one it has
/// says so only if it is of before the job, by more than times are rounded to.
bool WorkPlace::is_untouched(const Part& part, const struct statx& now) const {
  const auto& changed = part.info.stx_ctime;
  const long long age = (begun_.tv_sec - changed.tv_sec) * 1'000'000'000LL + begun_.tv_nsec -
                        static_cast<long long>(changed.tv_nsec);
  return have_one_ctime(part.info, now) && changed.tv_nsec != 0 && age > settled_after;
}

bool WorkPlace::is_root_as_made() {
  struct statx now {};
  if (!look_at(directory_->get(), name_.c_str(), now) || !are_same(top_part_.info, now))
    return false;
  if (is_untouched(top_part_, now)) return true;
  if (now.stx_size > std::max<std::uint64_t>(top_part_.info.stx_size, largest_directory) ||
      attributes_of(top_.get()) != top_part_.attributes ||
      flags_of(top_.get()) != top_part_.flags || project_of(top_.get()) != top_part_.project)
    return false;
  Entries all(top_.get());
  if (!all) return false;
  int found = 0;
  while (const dirent* entry = all.next()) {
    const std::string_view name = entry->d_name;
    if (name != "work" && name != "tmp" && name != "message") return false;
    ++found;
  }
  top_part_.info = now;
  return found == 3;
}

bool WorkPlace::is_directory_as_made(const char* name, Part& part) {
  struct statx now {};
  if (!look_at(top_.get(), name, now) || !are_same(part.info, now)) return false;
  if (is_untouched(part, now)) return true;
  if (now.stx_size > std::max<std::uint64_t>(part.info.stx_size, largest_directory)) return false;
  Entries all(top_.get(), name);
  struct statx opened {};
  if (!all || !look_at(all.directory(), "", opened) || !are_same(part.info, opened)) return false;
  if (attributes_of(all.directory()) != part.attributes ||
      flags_of(all.directory()) != part.flags || project_of(all.directory()) != part.project)
    return false;
  if (all.next() != nullptr) return false;
  part.info = now;
  return true;
}

/// Its times say nothing, for we write it ourselves.
bool WorkPlace::empty_message() {
  struct statx now {};
  if (!look_at(top_.get(), "message", now) || !are_same(message_part_.info, now)) return false;
  if (attributes_of(message_.get()) != message_part_.attributes ||
      flags_of(message_.get()) != message_part_.flags ||
      project_of(message_.get()) != message_part_.project)
    return false;
  return (now.stx_size == 0 && now.stx_blocks == 0) || ::ftruncate(message_.get(), 0) == 0;
}

bool WorkPlace::remove_empty() {
  struct statx now {};
  if (!look_at(directory_->get(), name_.c_str(), now) || !are_same(top_part_.info, now))
    return false;
  return remove_parts();
}

/// Needs no descriptor: want of those may be what it could not be made for.
bool WorkPlace::remove_parts() const {
  const int at = directory_->get();
  ::unlinkat(at, (name_ + "/message").c_str(), 0);
  ::unlinkat(at, (name_ + "/work").c_str(), AT_REMOVEDIR);
  ::unlinkat(at, (name_ + "/tmp").c_str(), AT_REMOVEDIR);
  return ::unlinkat(at, name_.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT;
}

}  // namespace rbit
