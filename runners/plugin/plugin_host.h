#pragma once

#include <string>
#include <vector>

namespace rbit {

/// The command line of a plugin's host. `library` is absolute. `trusted_uid` is the user rbit runs
/// as: the host accepts a library that root, this user or the host's own user owns, and the last
/// two differ where a runner has `user`. -1: not given.
inline std::vector<std::string> plugin_host_argv(const std::string& host_program,
                                                 const std::string& library,
                                                 const std::string& name, long trusted_uid = -1) {
  std::vector<std::string> argv{host_program};
  if (trusted_uid >= 0) argv.push_back("--trust-uid=" + std::to_string(trusted_uid));
  argv.push_back(library);
  argv.push_back(name);
  return argv;
}

}  // namespace rbit
