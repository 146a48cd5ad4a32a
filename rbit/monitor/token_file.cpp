#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "rbit/base/fd.h"
#include "rbit/base/secrets.h"
#include "rbit/base/text.h"
#include "rbit/monitor/http_server.h"

namespace rbit {

std::string read_token(const std::string& file) {
  const auto refuse = [&file](const std::string& reason, const std::string& cure) {
    throw Fatal(ExitCode::config, Error{"[monitor] token-file = " + file, reason, cure});
  };
  const Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat about {};
  if (!fd || ::fstat(fd.get(), &about) != 0)
    refuse(std::generic_category().message(errno), "make the file");
  if (!S_ISREG(about.st_mode)) refuse("not a regular file", "");
  if ((about.st_mode & 077) != 0) refuse("others may read it", "chmod 600 " + file);
  if (about.st_uid != ::geteuid() && about.st_uid != 0) refuse("owned by another user", "");
  std::array<char, 4097> bytes{};  // a token above 4 KiB is none
  const auto size = ::read(fd.get(), bytes.data(), bytes.size());
  if (size < 0) refuse(std::generic_category().message(errno), "");
  const std::string token(
      text::trim(std::string_view(bytes.data(), static_cast<std::size_t>(size))));
  if (token.size() < 16 || token.size() > 4096 || token.find_first_of("\r\n ") != token.npos)
    refuse("not one line of 16 to 4096 characters", "head -c 24 /dev/urandom | base64");
  secrets::hide(token);
  return token;
}

}  // namespace rbit
