#include "rbit/app/job_output.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>

#include "rbit/base/text.h"

namespace rbit {

Result<void> print_job_output(const std::string& path, bool to_error) {
  std::ifstream log(path, std::ios::binary);
  if (!log)
    return Error{path, std::string("cannot be read: ") + std::strerror(errno),
                 "old logs are removed, as [log] keep-days and keep-size say"};
  std::ostream& out = to_error ? std::cerr : std::cout;
  if (::isatty(to_error ? STDERR_FILENO : STDOUT_FILENO) == 0) {
    if (log.peek() != std::ifstream::traits_type::eof()) out << log.rdbuf();
    return {};
  }
  for (std::string line; std::getline(log, line);) out << text::printable(line) << "\n";
  return {};
}

}  // namespace rbit
