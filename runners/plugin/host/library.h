#pragma once

#include <rbit/plugin.h>

#include <string>

#include "rbit/base/result.h"
#include "runners/plugin/host/loaded_file.h"

namespace rbit::plugin_host {

struct Loaded {
  const rbit_runner* runner;
  LoadedFile file;
};

/// Loads the library and finds the runner `name` in it, checked: magic, ABI, size. The file is
/// opened once, and what was checked is what is loaded. It stays loaded until the process ends.
/// `trusted_uid` may own the file besides root and our own user; -1: nobody.
Result<Loaded> load_runner(const std::string& path, const std::string& name, long trusted_uid);

}  // namespace rbit::plugin_host
