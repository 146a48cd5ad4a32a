#include "rbit/app/state_dir.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "rbit/base/disk.h"
#include "rbit/base/trusted_path.h"

namespace rbit {

namespace {

ExitCode code_for(int error) {
  if (error == ENOSPC || error == EDQUOT || error == EIO) return ExitCode::temporary;
  return error == EACCES || error == EPERM || error == EROFS ? ExitCode::no_permission
                                                             : ExitCode::config;
}

/// A cure for what the walk has none for.
Error refusal(Error why) {
  if (why.cure.empty()) why.cure = "set [rbit] state-dir to a directory of ours";
  return why;
}

}  // namespace

Result<StateDir> StateDir::try_open(const std::string& path) {
  errno = 0;
  const auto directory = open_trusted_directory(path, 0700, Sharing::nothing);
  if (!directory) throw Fatal(code_for(errno), refusal(directory.error()));
  if (disk::is_on_network(path)) throw Fatal(ExitCode::config, network_error(path));
  const std::string lock_path = path + "/lock";
  Fd lock(::openat(directory->get(), "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
                   0600));
  if (!lock)
    throw Fatal(code_for(errno),
                Error{lock_path, std::strerror(errno),
                      "run rbit as the owner of this directory, or set [rbit] state-dir"});
  struct stat info {};
  if (::fstat(lock.get(), &info) != 0 || !S_ISREG(info.st_mode))
    throw Fatal(ExitCode::config, Error{lock_path, "is no regular file", "remove it"});
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) return taken_error(path);
  return StateDir(path, std::move(lock));
}

ExitCode StateDir::code_of_failure(const std::string& directory) {
  return disk::try_writing(directory) ? ExitCode::config : ExitCode::temporary;
}

Error StateDir::taken_error(const std::string& path) {
  return {
      path, "another rbit works here",
      "stop it (SIGTERM): while it drains, this one may start at once; or give this one its own "
      "[rbit] name or state-dir"};
}

Error StateDir::network_error(const std::string& path) {
  return {path, "lies on a network file system, whose locks and syncs cannot be relied on",
          "set [rbit] state-dir to a local disk"};
}

Result<void> StateDir::check_socket(const std::string& path) {
  if (socket(path).size() < sizeof(sockaddr_un::sun_path)) return {};
  return Error{socket(path), "is too long for a socket (107 bytes at most)",
               "set [rbit] state-dir to a shorter path"};
}

StateDir StateDir::open(const std::string& path) {
  // Where no rbit runs, a command such as `rbit submit` has the lock for a moment.
  constexpr auto patience = std::chrono::seconds(2);
  const auto end = std::chrono::steady_clock::now() + patience;
  auto state = try_open(path);
  while (!state && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    state = try_open(path);
  }
  if (!state) throw Fatal(ExitCode::temporary, state.error());
  return std::move(*state);
}

}  // namespace rbit
