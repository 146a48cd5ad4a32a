#pragma once

#include <fstream>
#include <string>
#include <vector>

#include "rbit/log/log.h"
#include "tests/support/temp_dir.h"

namespace rbit::test {

/// What is logged while it lives, instead of on standard error.
class LogCapture {
 public:
  explicit LogCapture(log::Settings settings = {}) {
    settings.file = directory_ / "log";
    log::configure(settings);
  }
  ~LogCapture() { log::configure({}); }
  LogCapture(const LogCapture&) = delete;
  LogCapture& operator=(const LogCapture&) = delete;

  /// Those lines that hold `text`; all without one.
  std::vector<std::string> lines(const std::string& text = "") const {
    log::flush();
    std::ifstream file(directory_ / "log");
    std::vector<std::string> found;
    for (std::string line; std::getline(file, line);)
      if (line.find(text) != std::string::npos) found.push_back(line);
    return found;
  }

 private:
  TempDir directory_;
};

}  // namespace rbit::test
