#include "rbit/app/job_output.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>

#include "rbit/base/text.h"

namespace rbit {

Result<void> print_job_output(const std::string& path) {
  std::ifstream log(path, std::ios::binary);
  if (!log)
    return Error{path, std::string("cannot be read: ") + std::strerror(errno),
                 "old logs are removed, as [log] keep-days and keep-size say"};
  if (::isatty(STDOUT_FILENO) == 0) {
    if (log.peek() != std::ifstream::traits_type::eof()) std::cout << log.rdbuf();
    return {};
  }
  for (std::string line; std::getline(log, line);) std::cout << text::printable(line) << "\n";
  return {};
}

}  // namespace rbit
