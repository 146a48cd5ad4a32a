#pragma once

#include <rbit/plugin.h>
#include <sys/stat.h>

#include <string>
#include <utility>

#include "rbit/base/result.h"

namespace rbit::plugin_host {

/// The file that a library was loaded from.
class LoadedFile {
 public:
  LoadedFile(std::string path, const struct stat& loaded)
      : path_(std::move(path)), loaded_(loaded) {}

  const std::string& path() const { return path_; }
  /// Another file lies there by now, or it was written to. One that is missing is no other one.
  bool is_another_one() const {
    struct stat now {};
    return ::stat(path_.c_str(), &now) == 0 &&
           (now.st_dev != loaded_.st_dev || now.st_ino != loaded_.st_ino ||
            now.st_size != loaded_.st_size || now.st_mtim.tv_sec != loaded_.st_mtim.tv_sec ||
            now.st_mtim.tv_nsec != loaded_.st_mtim.tv_nsec);
  }

 private:
  std::string path_;
  struct stat loaded_;
};

struct Loaded {
  const rbit_runner* runner;
  LoadedFile file;
};

/// Loads the library and finds the runner `name` in it, checked: magic, ABI, size. The file is
/// opened once, and what was checked is what is loaded. It stays loaded until the process ends.
/// `trusted_uid` may own the file besides root and our own user; -1: nobody.
Result<Loaded> load_runner(const std::string& path, const std::string& name, long trusted_uid);

}  // namespace rbit::plugin_host
