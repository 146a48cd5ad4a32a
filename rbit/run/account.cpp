#include "rbit/run/account.h"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>

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
  if (!entry) {
    Error why{"user " + user, errno != 0 ? std::strerror(errno) : "there is no such user",
              "name a user of this machine"};
    why.number = errno;
    return why;
  }
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

}  // namespace rbit
