#include "rbit/app/output_tail.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <iostream>
#include <utility>

#include "rbit/base/text.h"

namespace rbit {

namespace {

constexpr std::size_t remembered = 512;         // bytes; two places that have the same are rare
constexpr std::size_t longest_line = 64 << 10;  // of one without an end, on a terminal

}  // namespace

OutputTail::OutputTail(std::string path, std::int64_t since, bool to_error)
    : path_(std::move(path)),
      since_(since),
      to_error_(to_error),
      escapes_(::isatty(to_error ? STDERR_FILENO : STDOUT_FILENO) == 1) {}

bool OutputTail::open() {
  if (file_) return true;
  Fd file(::open(path_.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  struct stat info {};
  if (!file || ::fstat(file.get(), &info) != 0) return false;
  constexpr std::int64_t second = 1'000'000;  // by which the times of files may lag
  if ((info.st_mtim.tv_sec + 1) * second < since_) return false;
  file_ = std::move(file);
  return true;
}

void OutputTail::print_new() {
  if (path_.empty() || !open()) return;
  struct stat info {};
  if (::fstat(file_.get(), &info) != 0) return;
  if (info.st_size < place_) find_place(info.st_size);
  char buffer[1 << 16];
  for (;;) {
    const ssize_t count = ::pread(file_.get(), buffer, sizeof buffer, place_);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    const std::string_view bytes(buffer, static_cast<std::size_t>(count));
    place_ += count;
    last_ += bytes;
    if (last_.size() > remembered) last_.erase(0, last_.size() - remembered);
    put(bytes);
  }
  (to_error_ ? std::cerr : std::cout).flush();
}

/// The middle of the log has been taken out, and its end has moved.
void OutputTail::find_place(std::int64_t size) {
  std::string all(static_cast<std::size_t>(size), '\0');
  const ssize_t count = ::pread(file_.get(), all.data(), all.size(), 0);
  all.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
  const auto found = all.rfind(last_);
  if (found != std::string::npos) {
    place_ = static_cast<std::int64_t>(found + last_.size());
    return;
  }
  place_ = size;
  put("\nrbit: some output is left out here: its log has reached log-limit\n");
}

void OutputTail::put(std::string_view bytes) {
  has_printed_ = true;
  std::ostream& out = to_error_ ? std::cerr : std::cout;
  if (!escapes_) {
    out << bytes;
    return;
  }
  line_ += bytes;
  std::size_t begin = 0;
  for (auto end = line_.find('\n'); end != std::string::npos; end = line_.find('\n', begin)) {
    out << text::printable(std::string_view(line_).substr(begin, end - begin)) << "\n";
    begin = end + 1;
  }
  line_.erase(0, begin);
  if (line_.size() < longest_line) return;
  out << text::printable(line_) << "\n";
  line_.clear();
}

void OutputTail::finish() {
  print_new();
  std::ostream& out = to_error_ ? std::cerr : std::cout;
  if (!line_.empty()) out << text::printable(std::exchange(line_, {})) << "\n";
  out.flush();
}

}  // namespace rbit
