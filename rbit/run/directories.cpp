#include "rbit/run/directories.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace rbit {

Result<void> can_make_directories(const std::string& path, Sharing sharing) {
  const char* const cure = "name another directory, or make this one and give it to rbit";
  auto deepest = check_trusted_directory(path, sharing);
  if (!deepest) {
    Error why = deepest.error();
    if (why.cure.empty()) why.cure = cure;
    return why;
  }
  if (::access(deepest->c_str(), W_OK | X_OK) != 0)
    return Error::while_doing("cannot be written to", *deepest, errno, cure);
  return {};
}

Result<void> can_pass(const std::string& path, const Account& account) {
  struct stat info {};
  // What is missing is made by us, so that he can pass.
  const bool is_ours = ::stat(path.c_str(), &info) == 0 && info.st_uid == ::geteuid();
  const std::string closed = closed_directory(is_ours ? path : path + "/", account);
  if (closed.empty()) return {};
  return Error{"work directory " + path, "user " + account.name + " may not pass through " + closed,
               "set [rbit] work-dir to a place that he can get to, such as /var/lib/rbit-work"};
}

mode_t output_mode(const std::string& output_dir, const std::string& state_dir) {
  const bool inside = output_dir == state_dir || output_dir.starts_with(state_dir + "/");
  return inside ? 0700 : 0755;
}

}  // namespace rbit
