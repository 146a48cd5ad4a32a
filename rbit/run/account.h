#pragma once

#include <sys/types.h>
#include <string>
#include <vector>

#include "rbit/base/result.h"

namespace rbit {

/// A user as jobs see him.
struct Account {
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;  // supplementary ones
  std::string name, shell;
  std::string home;  // empty: he has none, and a job's is its work directory
};

/// Our own account. Without a passwd entry (in containers) its name is the number.
Account own_account();
/// Looks a user up. An Error: there is no such user, or we may not become him.
Result<Account> find_account(const std::string& user);

/// Whether a process of that account may use what is at `path`, which must be there: R_OK, X_OK or
/// both. For another account than ours by the mode alone; where an access list may know better,
/// true.
bool may_use(const std::string& path, const Account& account, int wanted);

/// The uppermost directory on the absolute `path` that the account may not pass; empty: none.
std::string closed_directory(const std::string& path, const Account& account);

}  // namespace rbit
