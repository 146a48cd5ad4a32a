#pragma once

#include <sys/stat.h>

#include <string>
#include <utility>

namespace rbit::plugin_host {

/// The file that a library was loaded from.
class LoadedFile {
 public:
  LoadedFile() = default;
  LoadedFile(std::string path, const struct stat& loaded)
      : path_(std::move(path)), loaded_(loaded) {}

  const std::string& path() const { return path_; }
  /// Another file lies there by now, or it was written to. One that is missing is no other one.
  bool is_another_one() const {
    struct stat now {};
    return !path_.empty() && ::stat(path_.c_str(), &now) == 0 &&
           (now.st_dev != loaded_.st_dev || now.st_ino != loaded_.st_ino ||
            now.st_size != loaded_.st_size || now.st_mtim.tv_sec != loaded_.st_mtim.tv_sec ||
            now.st_mtim.tv_nsec != loaded_.st_mtim.tv_nsec);
  }

 private:
  std::string path_;
  struct stat loaded_ {};
};

}  // namespace rbit::plugin_host
