#pragma once

#include <stdlib.h>
#include <sys/stat.h>

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "rbit/config/settings.h"

namespace rbit::test {

/// An rbit.ini in a directory of its own, 0600, gone when the test ends.
class ConfigFile {
 public:
  explicit ConfigFile(const std::string& text = "") {
    std::string name = (std::filesystem::temp_directory_path() / "rbit-config-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    directory_ = name;
    write("rbit.ini", text, 0600);
  }
  ~ConfigFile() {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  ConfigFile(const ConfigFile&) = delete;
  ConfigFile& operator=(const ConfigFile&) = delete;

  /// A file beside it; gives its path.
  std::string write(const std::string& name, const std::string& text, mode_t mode) const {
    const std::string path = directory_ + "/" + name;
    std::ofstream(path, std::ios::binary) << text;
    ::chmod(path.c_str(), mode);
    return path;
  }

  std::string path() const { return directory_ + "/rbit.ini"; }
  const std::string& directory() const { return directory_; }
  config::Loaded load(const config::Overrides& overrides = {}) const {
    return config::load(path(), overrides);
  }

  /// Findings as they are printed, with the directory left out.
  std::vector<std::string> lines() const {
    std::vector<std::string> out;
    for (const auto& finding : load().findings) {
      std::string line = finding.line();
      for (auto at = line.find(directory_ + "/"); at != std::string::npos;
           at = line.find(directory_ + "/"))
        line.erase(at, directory_.size() + 1);
      out.push_back(line);
    }
    return out;
  }

 private:
  std::string directory_;
};

/// The findings of a file of that text, a line each.
inline std::string findings(const std::string& text) {
  std::string out;
  for (const auto& line : ConfigFile(text).lines()) out += line + "\n";
  return out;
}

/// A file that is right: what a test adds is all there is to find.
inline const std::string sound =
    "[rbit]\nname = bench\nqueue-mappings = q:echo\n[runner:echo]\nrunner = shell!echo\n";

inline config::Settings settings(const std::string& text) {
  const auto loaded = ConfigFile(text).load();
  for (const auto& finding : loaded.findings) CHECK(finding.line() == "");
  return loaded.settings;
}

inline std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace rbit::test
