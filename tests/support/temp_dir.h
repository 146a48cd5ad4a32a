#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

namespace rbit::test {

/// A fresh directory, gone with its owner.
class TempDir {
 public:
  TempDir() : path_((std::filesystem::temp_directory_path() / "rbit-test-XXXXXX").string()) {
    if (::mkdtemp(path_.data()) == nullptr) std::abort();
    path_ = std::filesystem::canonical(path_).string();
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace rbit::test
