#include "rbit/app/sibling_states.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <system_error>

#include "rbit/base/database.h"
#include "rbit/base/fd.h"
#include "rbit/base/text.h"
#include "rbit/journal/history.h"
#include "rbit/log/log.h"

namespace rbit {

namespace {

namespace fs = std::filesystem;

constexpr int most_siblings = 100;

/// Whether it is a state directory that no rbit works in; `lock` is held then.
bool is_left(const fs::path& path, Fd& lock) {
  struct stat info {};
  if (::lstat((path / "rbit.db").c_str(), &info) != 0 || !S_ISREG(info.st_mode) ||
      info.st_uid != ::geteuid())
    return false;
  lock = Fd(::open((path / "lock").c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC));
  return lock && ::flock(lock.get(), LOCK_EX | LOCK_NB) == 0;
}

}  // namespace

std::vector<Error> left_siblings(const std::string& state_dir) {
  std::vector<Error> found;
  const fs::path own(state_dir);
  std::error_code failed;
  int seen = 0;
  for (fs::directory_iterator at(own.parent_path(), failed), end; !failed && at != end;
       at.increment(failed)) {
    if (at->path().filename() == own.filename() || ++seen > most_siblings) continue;
    Fd lock;
    if (!at->is_directory(failed) || at->is_symlink(failed) || !is_left(at->path(), lock)) continue;
    asio::io_context loop;
    auto database = Database::open(loop.get_executor(), (at->path() / "rbit.db").string());
    if (!database) continue;
    using State = JobRecord::State;
    const auto jobs =
        History(**database).jobs(1000, {State::waiting, State::running, State::blocked});
    if (jobs.empty()) continue;
    found.emplace_back("",
                       text::one_line(at->path().string()) + " has " + std::to_string(jobs.size()) +
                           " unfinished jobs and no rbit, and this one works in " +
                           own.filename().string(),
                       "set [rbit] name or state-dir to go on there, or start the rbit it is of");
  }
  return found;
}

}  // namespace rbit
