#include "rbit/app/message_file.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>

#include "rbit/amqp/protocol.h"
#include "rbit/base/result.h"

namespace rbit {

std::string read_message_file(const std::string& path) {
  if (path == "-") return {std::istreambuf_iterator<char>(std::cin), {}};
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored))
    throw Fatal(ExitCode::failed, Error{path, "is a directory", "name a file with a message"});
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;
  if (file) bytes << file.rdbuf();
  if (!file || (bytes.tellp() == 0 && file.bad())) {
    const std::string why = errno != 0 ? std::string(": ") + std::strerror(errno) : "";
    throw Fatal(ExitCode::failed, Error{path, "cannot be read" + why,
                                        "name a file with a message that you may read"});
  }
  return bytes.str();
}

void note_size(Message& message) {
  message.size = message.body.size();
  message.oversized = message.size > amqp::max_body;
}

}  // namespace rbit
