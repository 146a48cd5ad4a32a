#include "rbit/app/log_piece.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "rbit/base/fd.h"
#include "rbit/base/secrets.h"
#include "rbit/base/text.h"
#include "rbit/run/job_log.h"

namespace rbit {

std::string job_logs(const std::string& state_dir) {
  return state_dir + "/logs";
}

std::string job_log(const std::string& state_dir, const Job& job) {
  return job_logs(state_dir) + "/" + JobLog::name_of(job);
}

Result<LogPiece> read_piece(const std::string& path, std::int64_t from, std::size_t most) {
  LogPiece piece;
  const Fd file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat info {};
  if (!file && errno == ENOENT) return piece;
  if (!file || ::fstat(file.get(), &info) != 0)
    return Error{path, std::string("cannot be read: ") + std::strerror(errno), ""};
  if (!S_ISREG(info.st_mode)) return Error{path, "is no regular file", ""};
  piece.size = info.st_size;
  const auto limit = static_cast<std::int64_t>(most);
  if (from < 0 || from > piece.size) from = piece.size > limit ? piece.size - limit : 0;
  piece.bytes.resize(most);
  const ssize_t count = ::pread(file.get(), piece.bytes.data(), most, from);
  if (count < 0) return Error{path, std::string("cannot be read: ") + std::strerror(errno), ""};
  piece.bytes.resize(static_cast<std::size_t>(count));
  piece.from = from;
  piece.next = from + count;
  return piece;
}

std::string last_line_of(const std::string& path) {
  constexpr std::size_t most = 4096, shown = 200;
  const auto piece = read_piece(path, -1, most);
  if (!piece) return "";
  const std::string_view bytes = text::trim(piece->bytes);
  const std::string_view line = bytes.substr(bytes.rfind('\n') + 1);
  return text::one_line(text::trim(line.substr(line.rfind('\r') + 1)), shown);
}

}  // namespace rbit
