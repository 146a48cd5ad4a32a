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

}  // namespace rbit
