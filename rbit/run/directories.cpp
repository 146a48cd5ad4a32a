#include "rbit/run/directories.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "rbit/run/account_access.h"

namespace rbit {

Result<void> make_directories(const std::string& path, mode_t mode) {
  return make_trusted_directory(path, mode, Sharing::names);
}

namespace {

/// "/a/b/c", "/a/b", "/a", "/": `path` must be absolute.
std::string parent_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

}  // namespace

Result<void> can_make_directories(const std::string& path, Sharing sharing) {
  const char* const cure = "name another directory, or make this one and give it to rbit";
  auto deepest = check_trusted_directory(path, sharing);
  if (!deepest) {
    Error why = deepest.error();
    if (why.cure.empty()) why.cure = cure;
    return why;
  }
  if (::access(deepest->c_str(), W_OK | X_OK) != 0)
    return Error{*deepest, std::string("cannot be written to: ") + std::strerror(errno), cure};
  return {};
}

Result<void> can_pass(const std::string& path, const Account& account) {
  struct stat info {};
  // What is missing is made by us, so that he can pass.
  std::string part = path;
  do {
    const bool is_ours =
        part == path && ::stat(part.c_str(), &info) == 0 && info.st_uid == ::geteuid();
    if (!is_ours && ::stat(part.c_str(), &info) == 0 && !may_use(part, account, X_OK))
      return Error{"work directory " + path,
                   "user " + account.name + " may not pass through " + part,
                   "set [rbit] work-dir to a place that he can get to, such as /var/lib/rbit-work"};
    if (part == "/") return {};
    part = parent_of(part);
  } while (true);
}

mode_t output_mode(const std::string& output_dir, const std::string& state_dir) {
  const bool inside = output_dir == state_dir || output_dir.starts_with(state_dir + "/");
  return inside ? 0700 : 0755;
}

}  // namespace rbit
