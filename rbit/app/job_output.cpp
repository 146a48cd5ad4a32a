#include "rbit/app/job_output.h"

#include <unistd.h>

#include <fstream>
#include <iostream>

#include "rbit/base/text.h"

namespace rbit {

Result<void> print_job_output(const std::string& path) {
  std::ifstream log(path, std::ios::binary);
  if (!log) return Error{path, "cannot be read", "old logs are removed with their jobs"};
  if (::isatty(STDOUT_FILENO) == 0) {
    if (log.peek() != std::ifstream::traits_type::eof()) std::cout << log.rdbuf();
    return {};
  }
  for (std::string line; std::getline(log, line);)
    std::cout << text::one_line(line, 1 << 20) << "\n";
  return {};
}

}  // namespace rbit
