#pragma once

#include <sys/stat.h>

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "rbit/config/settings.h"
#include "tests/support/files.h"
#include "tests/support/temp_dir.h"

namespace rbit::test {

/// An rbit.ini in a directory of its own, 0600, gone when the test ends.
class ConfigFile {
 public:
  explicit ConfigFile(const std::string& text = "") { write("rbit.ini", text, 0600); }

  /// A file beside it; gives its path.
  std::string write(const std::string& name, const std::string& text, mode_t mode) const {
    const std::string path = directory_ / name;
    write_file(path, text);
    ::chmod(path.c_str(), mode);
    return path;
  }

  std::string path() const { return directory_ / "rbit.ini"; }
  const std::string& directory() const { return directory_.path(); }
  config::Loaded load(const config::Overrides& overrides = {}) const {
    return config::load(path(), overrides);
  }

  /// Findings as they are printed, with the directory left out.
  std::vector<std::string> lines() const {
    std::vector<std::string> out;
    for (const auto& finding : load().findings) {
      std::string line = finding.line();
      const std::string before = directory() + "/";
      for (auto at = line.find(before); at != std::string::npos; at = line.find(before))
        line.erase(at, before.size());
      out.push_back(line);
    }
    return out;
  }

 private:
  TempDir directory_;
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

}  // namespace rbit::test
