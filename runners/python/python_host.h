#pragma once

#include <string>
#include <vector>

namespace rbit {

/// The command line of a Python function's host. `host_dir` is the folder that holds `rbit_host`,
/// `rbit` and `coyote` (runners/python here, libexec/rbit/python when installed); `config_dir` the
/// INI file's, where a bare module is looked for too; `target` is "module:callable". `trusted_uid`
/// as for plugin_host_argv. `log_level`, Python's name, if what the function logs is to come as
/// events too.
///
/// -I: no PYTHON* variables, no user site, nothing from the current directory. -B: no __pycache__
/// beside somebody's configuration.
inline std::vector<std::string> python_host_argv(const std::string& python_program,
                                                 const std::string& host_dir,
                                                 const std::string& config_dir,
                                                 const std::string& target, long trusted_uid = -1,
                                                 const std::string& log_level = "") {
  std::vector<std::string> argv{python_program, "-I", "-B", host_dir + "/rbit_host"};
  if (trusted_uid >= 0) argv.push_back("--trust-uid=" + std::to_string(trusted_uid));
  if (!log_level.empty()) argv.push_back("--log-level=" + log_level);
  argv.insert(argv.end(), {"--config-dir=" + config_dir, target});
  return argv;
}

}  // namespace rbit
