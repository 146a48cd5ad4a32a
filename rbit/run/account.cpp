#include "rbit/run/account.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace rbit {

namespace {

Account from_passwd(const passwd& entry) {
  Account account;
  account.uid = entry.pw_uid;
  account.gid = entry.pw_gid;
  account.name = entry.pw_name;
  account.home = entry.pw_dir && *entry.pw_dir ? entry.pw_dir : "/";
  account.shell = entry.pw_shell && *entry.pw_shell ? entry.pw_shell : "/bin/sh";
  return account;
}

}  // namespace

Account own_account() {
  const uid_t uid = ::geteuid();
  if (const passwd* entry = ::getpwuid(uid)) return from_passwd(*entry);
  Account account;
  account.uid = uid;
  account.gid = ::getegid();
  account.name = std::to_string(uid);
  account.shell = "/bin/sh";
  return account;
}

Result<Account> find_account(const std::string& user) {
  errno = 0;
  const passwd* entry = ::getpwnam(user.c_str());
  const char* const cure = "name a user of this machine";
  if (!entry && errno != 0) return Error::of_system("user " + user, errno, cure);
  if (!entry) return Error{"user " + user, "there is no such user", cure};
  Account account = from_passwd(*entry);
  if (::geteuid() != 0 && ::geteuid() != account.uid)
    return Error{"user " + user, "only root can run jobs as somebody else",
                 "start rbit as root or as that user"};
  int count = 64;
  account.groups.resize(static_cast<std::size_t>(count));
  while (::getgrouplist(entry->pw_name, entry->pw_gid, account.groups.data(), &count) < 0)
    account.groups.resize(static_cast<std::size_t>(count));
  account.groups.resize(static_cast<std::size_t>(count));
  return account;
}

bool may_use(const std::string& path, const Account& account, int wanted) {
  if (account.uid == ::geteuid())
    return ::faccessat(AT_FDCWD, path.c_str(), wanted, AT_EACCESS) == 0;
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return true;  // nothing is known of it
  const bool is_directory = S_ISDIR(info.st_mode);
  if (account.uid == 0) return is_directory || wanted == R_OK || (info.st_mode & 0111) != 0;
  if (::getxattr(path.c_str(), "system.posix_acl_access", nullptr, 0) > 0) return true;
  const auto& groups = account.groups;
  const bool is_group = info.st_gid == account.gid ||
                        std::find(groups.begin(), groups.end(), info.st_gid) != groups.end();
  const unsigned shift = info.st_uid == account.uid ? 6 : is_group ? 3 : 0;
  const unsigned bits = info.st_mode >> shift;  // R_OK and X_OK are the bits of a mode
  return (bits & static_cast<unsigned>(wanted)) == static_cast<unsigned>(wanted);
}

std::string closed_directory(const std::string& path, const Account& account) {
  struct stat info {};
  for (auto slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    const std::string part = slash == 0 ? "/" : path.substr(0, slash);
    if (::stat(part.c_str(), &info) != 0) break;
    if (!may_use(part, account, X_OK)) return part;
  }
  return "";
}

}  // namespace rbit
