#include "rbit/app/state_dir.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "rbit/base/disk.h"

namespace rbit {

namespace {

ExitCode code_for(int error) {
  if (error == ENOSPC || error == EDQUOT || error == EIO) return ExitCode::temporary;
  return error == EACCES || error == EPERM || error == EROFS ? ExitCode::no_permission
                                                             : ExitCode::config;
}

}  // namespace

Result<void> make_directories(const std::string& path) {
  for (std::size_t end = 1; end != std::string::npos;) {
    end = path.find('/', end + 1);
    const std::string part = path.substr(0, end);
    if (::mkdir(part.c_str(), 0700) != 0 && errno != EEXIST)
      return Error{part, std::strerror(errno), "set [rbit] state-dir to a directory of ours"};
  }
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) {
    errno = ENOTDIR;
    return Error{path, "is no directory", "set [rbit] state-dir to another place"};
  }
  return {};
}

Result<StateDir> StateDir::try_open(const std::string& path) {
  if (const auto made = make_directories(path); !made) throw Fatal(code_for(errno), made.error());
  if (disk::is_on_network(path)) throw Fatal(ExitCode::config, network_error(path));
  const std::string lock_path = path + "/lock";
  Fd lock(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock)
    throw Fatal(code_for(errno),
                Error{lock_path, std::strerror(errno),
                      "run rbit as the owner of this directory, or set [rbit] state-dir"});
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0)
    return Error{path, "another rbit works here",
                 "stop it, or give this one its own [rbit] name or state-dir"};
  return StateDir(path, std::move(lock));
}

ExitCode StateDir::code_of_failure(const std::string& directory) {
  return disk::try_writing(directory) ? ExitCode::config : ExitCode::temporary;
}

Error StateDir::network_error(const std::string& path) {
  return {path, "lies on a network file system, whose locks and syncs cannot be relied on",
          "set [rbit] state-dir to a local disk"};
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
