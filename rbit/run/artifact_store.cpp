#include "rbit/run/artifact_store.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <string_view>
#include <utility>

#include "rbit/base/random.h"
#include "rbit/base/text.h"
#include "rbit/run/open_below.h"

namespace rbit {

namespace {

constexpr int directory_flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

Error failed(const char* doing, int number = errno) {
  return Error::while_doing(doing, "", number);
}

std::string staged_name(std::size_t number) {
  return std::to_string(number);
}

std::string above(const std::string& name) {
  return std::string(text::directory_of(name));
}

std::string last_of(const std::string& name) {
  return std::string(text::base_name(name));
}

/// Copies the bytes from `from` to `to`, both offsets of both files.
Result<void> copy_range(int file, int target, off_t from, off_t to, const std::atomic<bool>& stop) {
  const auto buffer = std::make_unique<std::array<char, 1 << 18>>();
  while (from < to) {
    if (stop) return failed("was not kept", ECANCELED);
    const auto most = std::min(static_cast<off_t>(buffer->size()), to - from);
    const ssize_t count = ::pread(file, buffer->data(), static_cast<std::size_t>(most), from);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failed("cannot be read");
    if (count == 0) break;
    std::string_view rest(buffer->data(), static_cast<std::size_t>(count));
    while (!rest.empty()) {
      const ssize_t written = ::pwrite(target, rest.data(), rest.size(), from);
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return failed("cannot be copied");
      from += written;
      rest.remove_prefix(static_cast<std::size_t>(written));
    }
  }
  return {};
}

/// At most `size` bytes, so that it ends while somebody goes on writing; holes stay holes. Where
/// the file system can, both share their blocks.
Result<void> copy_bytes(int file, int target, off_t size, const std::atomic<bool>& stop) {
  if (::ioctl(target, FICLONE, file) != 0) {
    for (off_t from = 0; from < size;) {
      const off_t data = ::lseek(file, from, SEEK_DATA);
      if (data < 0 && errno == ENXIO) break;  // a hole up to the end
      const off_t hole = data < 0 ? -1 : ::lseek(file, data, SEEK_HOLE);
      const off_t begin = data < 0 ? from : data, end = hole < 0 ? size : std::min(hole, size);
      if (auto copied = copy_range(file, target, begin, end, stop); !copied) return copied;
      from = std::max(end, begin);
    }
  }
  if (::ftruncate(target, size) != 0) return failed("cannot be copied");
  return {};
}

}  // namespace

ArtifactStore::~ArtifactStore() {
  if (!staging_) return;
  if (!finished_) {
    for (std::size_t number = prepared_.size(); number-- > 0;)
      if (!prepared_[number].name.empty()) take_back(number);
    // Those that are empty, as we made them.
    for (auto made = made_.rbegin(); made != made_.rend(); ++made)
      if (const Fd directory = open_made(above(*made)))
        ::unlinkat(directory.get(), last_of(*made).c_str(), AT_REMOVEDIR);
  }
  empty_staging();
  staging_.reset();
  ::unlinkat(output_.get(), staging_name_.c_str(), AT_REMOVEDIR);  // only an empty one goes
}

Result<void> ArtifactStore::open(const std::string& path, const std::string& below, mode_t mode,
                                 const std::string& owner) {
  path_ = below.empty() ? path : path + "/" + below;
  mode_ = mode;
  const Fd top(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (top) output_ = make_below(top.get(), below, mode);
  if (!output_) {
    Error error = Error::of_system(path_, errno, "artifacts are put here");
    if (error.number == ENOTDIR || error.number == ELOOP) error.reason = "is no directory any more";
    return error;
  }
  const std::string usual = ".rbit-" + text::sha256_hex(owner).substr(0, 32);
  if (open_staging(usual)) return {};
  // Somebody else made one of that name.
  auto opened = open_staging(usual + "-" + std::to_string(random_number()));
  if (opened) return opened;
  Error error = opened.error();
  error.thing = path_;
  return error;
}

/// True if it is one that nobody else can enter.
Result<void> ArtifactStore::open_staging(const std::string& name) {
  const int output = output_.get();
  const bool made = ::mkdirat(output, name.c_str(), 0700) == 0;
  if (!made && errno != EEXIST) return failed("cannot be written to");
  Fd staging(::openat(output, name.c_str(), directory_flags));
  struct stat info {};
  if (!staging || ::fstat(staging.get(), &info) != 0) {
    const Error why = failed("cannot be written to");
    if (made) ::unlinkat(output, name.c_str(), AT_REMOVEDIR);
    return why;
  }
  if (info.st_uid != ::geteuid() || (info.st_mode & 0077) != 0)
    return failed("cannot be written to", EEXIST);
  staging_ = std::move(staging);
  staging_name_ = name;
  empty_staging();
  return {};
}

/// Files only: we make nothing else in it, and nobody else can.
void ArtifactStore::empty_staging() {
  Entries staged(staging_.get());
  if (!staged) return;
  std::vector<std::string> names;
  while (const dirent* entry = staged.next()) names.emplace_back(entry->d_name);
  for (const auto& name : names) ::unlinkat(staging_.get(), name.c_str(), 0);
}

Result<std::size_t> ArtifactStore::add(int file, const struct stat& info,
                                       const std::atomic<bool>& stop) {
  const std::size_t number = prepared_.size();
  const std::string staged = staged_name(number);
  bool linked = false;
  if (may_link_ && info.st_uid == ::geteuid() && info.st_nlink == 1) {
    if (info.st_mode != (S_IFREG | kept_mode(info.st_mode)) &&
        ::fchmod(file, kept_mode(info.st_mode)) != 0)
      return failed("cannot get its mode");
    // By the descriptor: it is the file that was looked at, whatever its name means by now.
    const std::string self = "/proc/self/fd/" + std::to_string(file);
    linked =
        ::linkat(AT_FDCWD, self.c_str(), staging_.get(), staged.c_str(), AT_SYMLINK_FOLLOW) == 0;
    if (!linked && (errno == ENOSPC || errno == EDQUOT || errno == EROFS))
      return failed("cannot be put into the output directory");
    if (linked && ::fsync(file) != 0) return failed("cannot be synced");
  }
  if (!linked)
    if (auto copied = copy(file, info, staged, stop); !copied) return copied.error();
  struct stat now {};
  if (::fstatat(staging_.get(), staged.c_str(), &now, AT_SYMLINK_NOFOLLOW) != 0)
    return failed("cannot be put into the output directory");
  prepared_.push_back({now.st_dev, now.st_ino, "", false});
  return number;
}

Result<void> ArtifactStore::copy(int file, const struct stat& info, const std::string& staged,
                                 const std::atomic<bool>& stop) {
  const Fd target(::openat(staging_.get(), staged.c_str(),
                           O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!target) return failed("cannot be copied");
  if (auto copied = copy_bytes(file, target.get(), info.st_size, stop); !copied) return copied;
  const struct timespec times[2] = {info.st_atim, info.st_mtim};
  ::futimens(target.get(), times);
  if (::fchmod(target.get(), kept_mode(info.st_mode)) != 0 || ::fsync(target.get()) != 0)
    return failed("cannot be copied");
  return {};
}

/// A directory of the output directory, or itself, as it is now.
Fd ArtifactStore::open_made(const std::string& directories) const {
  if (directories.empty()) return Fd(::openat(output_.get(), ".", directory_flags));
  return open_below(output_.get(), directories, directory_flags, Mounts::enter);
}

bool ArtifactStore::is_prepared(int directory, const std::string& name, const Prepared& one) const {
  struct stat info {};
  return ::fstatat(directory, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 &&
         info.st_dev == one.device && info.st_ino == one.inode;
}

/// Puts it in the place of what bears the name, which comes into the staging directory.
Result<ArtifactStore::Put> ArtifactStore::exchange(std::size_t number, int directory,
                                                   const std::string& name) {
  const std::string staged = staged_name(number);
  const int from = staging_.get();
  const Put in_the_way{"a directory has its name in " + path_};
  struct stat older {};
  for (int tries = 0; tries < 100; ++tries) {  // somebody may make and remove the name all the time
    if (::renameat2(from, staged.c_str(), directory, name.c_str(), RENAME_NOREPLACE) == 0)
      return Put{};
    if (errno == EINVAL || errno == ENOSYS) break;  // a file system that knows no flags
    if (errno != EEXIST) return failed("cannot be put into the output directory");
    if (::renameat2(from, staged.c_str(), directory, name.c_str(), RENAME_EXCHANGE) == 0) {
      if (::fstatat(from, staged.c_str(), &older, AT_SYMLINK_NOFOLLOW) == 0 &&
          !S_ISDIR(older.st_mode))
        return Put{"", true};
      ::renameat2(from, staged.c_str(), directory, name.c_str(), RENAME_EXCHANGE);
      return in_the_way;
    }
    if (errno == EINVAL || errno == ENOSYS) break;
    if (errno != ENOENT) return failed("cannot be put into the output directory");
  }
  const bool was_there = ::fstatat(directory, name.c_str(), &older, AT_SYMLINK_NOFOLLOW) == 0;
  if (was_there && S_ISDIR(older.st_mode)) return in_the_way;
  if (::renameat(from, staged.c_str(), directory, name.c_str()) != 0)
    return failed("cannot be put into the output directory");
  return Put{"", was_there};
}

Result<ArtifactStore::Put> ArtifactStore::put(std::size_t number, const std::string& name) {
  const std::string directories = above(name);
  const std::string last = last_of(name);
  const Fd directory = make_below(output_.get(), directories, mode_, &made_);
  if (!directory && (errno == ENOTDIR || errno == ELOOP))
    return Put{"a file or a link has the name of its directory in " + path_};
  if (!directory) return failed("its directory cannot be made");
  Prepared& one = prepared_[number];
  auto put = exchange(number, directory.get(), last);
  if (!put || !put->obstacle.empty()) return put;
  one.name = name;
  struct stat older {};
  one.replaced = put->replaced && ::fstatat(staging_.get(), staged_name(number).c_str(), &older,
                                            AT_SYMLINK_NOFOLLOW) == 0;
  if (!is_prepared(directory.get(), last, one))
    return Error{"", "was replaced while it was put into the output directory"};
  touched_.insert(directories);
  return put;
}

/// What bears its name goes where nobody else can change it, and is looked at there: only what we
/// put there stays away.
void ArtifactStore::take_back(std::size_t number) {
  Prepared& one = prepared_[number];
  const Fd directory = open_made(above(one.name));
  if (!directory) return;
  const std::string last = last_of(one.name), staged = staged_name(number);
  const int from = staging_.get();
  const unsigned how = one.replaced ? RENAME_EXCHANGE : RENAME_NOREPLACE;
  if (::renameat2(directory.get(), last.c_str(), from, staged.c_str(), how) != 0 &&
      (one.replaced || errno != EINVAL ||
       ::renameat(directory.get(), last.c_str(), from, staged.c_str()) != 0))
    return;
  if (!is_prepared(from, staged, one))
    ::renameat2(from, staged.c_str(), directory.get(), last.c_str(), how);
}

Result<void> ArtifactStore::finish() {
  for (const auto& made : made_) touched_.insert(above(made));
  for (const auto& directories : touched_) {
    const Fd directory = open_made(directories);
    if (directory && (::fsync(directory.get()) == 0 || errno == EINVAL)) continue;
    return Error::while_doing("cannot be synced", path_, errno);
  }
  finished_ = true;
  return {};
}

}  // namespace rbit
