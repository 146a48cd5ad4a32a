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

/// Ours. Without a passwd entry (containers) the name is the number.
Account own_account();
/// An Error if there is no such user, or if we may not become him.
Result<Account> find_account(const std::string& user);

}  // namespace rbit
