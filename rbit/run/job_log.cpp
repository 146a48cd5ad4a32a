#include "rbit/run/job_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "rbit/base/shortage.h"
#include "rbit/base/text.h"
#include "rbit/base/trusted_path.h"
#include "rbit/core/job_name.h"

namespace rbit {

namespace {

constexpr std::size_t longest_line = 16 * 1024;    // the rest of it is cut
constexpr std::size_t largest_buffer = 64 * 1024;  // a pipe's worth
constexpr std::size_t recent_kept = 16 * 1024;     // more than any message quotes
constexpr std::int64_t least_half = 4 * 1024;      // room for an error whatever log-limit says
constexpr std::int64_t least_gap = 128;  // more than the line that stands for what is left out
constexpr int most_links = 1000;         // of one old name

/// Returns whether it has only letters that a checked name may have.
bool is_checked_name(std::string_view name) {
  return !name.empty() && name.size() <= 128 && text::has_only(name, "+.~_:-");
}

}  // namespace

JobLog::JobLog(SpareLogs logs, const Job& job, std::int64_t limit, std::string name)
    : logs_(std::move(logs)),
      file_name_(name.empty() ? name_of(job) : name),
      path_(logs_.log_dir() + "/" + file_name_),
      half_(std::max(limit / 2, least_half)) {
  const auto& request = job.request;
  if (name.empty() && is_checked_name(request.package) && is_checked_name(request.version) &&
      is_checked_name(request.arch)) {
    old_name_ = request.package + "_" + request.version + "-" + request.arch + "-" +
                std::to_string(job.timestamp);
  }
}

std::string JobLog::name_of(const Job& job) {
  return file_name_of(job.queue) + "/" + file_name_of(job.key) + "-" + std::to_string(job.attempt) +
         ".log";
}

JobLog::~JobLog() {
  close();
}

void JobLog::write(std::string_view bytes) {
  if (closed_ || bytes.empty()) return;
  bytes_ += static_cast<std::int64_t>(bytes.size());
  while (!bytes.empty()) {
    const auto end = bytes.find('\n');
    write_part(bytes.substr(0, end));
    if (end == std::string_view::npos) break;
    cut_line();
    append("\n");
    line_length_ = 0;
    bytes.remove_prefix(end + 1);
  }
  if (buffer_.size() >= largest_buffer) flush();
}

/// A part of a line that may be too long. CR ends what counts as a line: a progress bar is one line
/// to LF, and its end is what one wants to see.
void JobLog::write_part(std::string_view line) {
  while (!line.empty()) {
    const auto end = line.find('\r');
    const auto piece = line.substr(0, end);
    const auto room = std::min(longest_line - line_length_, piece.size());
    append(piece.substr(0, room));
    line_length_ += room;
    line_dropped_ += static_cast<std::int64_t>(piece.size() - room);
    if (end == std::string_view::npos) return;
    cut_line();
    append("\r");
    line_length_ = 0;
    line.remove_prefix(end + 1);
  }
}

void JobLog::note(std::string_view text) {
  if (closed_) return;
  cut_line();
  std::string line = at_line_start_ ? "rbit: " : "\nrbit: ";
  line += text::one_line(text);
  line += '\n';
  buffer_ += line;  // and not `recent_`: it is not to be quoted as the job's own words
  if (!at_line_start_) recent_ += '\n';
  at_line_start_ = true;
  line_length_ = 0;
}

/// At the end of a line, or of all: says what is missing of it.
void JobLog::cut_line() {
  if (line_dropped_ == 0) return;
  recent_ = secrets::redacted(recent_, secrets::Missing::end);
  append("... [" + std::to_string(line_dropped_) + " bytes cut]");
  line_dropped_ = 0;
}

void JobLog::append(std::string_view bytes) {
  if (bytes.empty()) return;
  buffer_ += bytes;
  at_line_start_ = bytes.back() == '\n';
  recent_ += bytes;
  if (recent_.size() <= 2 * recent_kept) return;
  recent_.erase(0, recent_.size() - recent_kept);
  recent_missing_ = secrets::Missing::beginning;
}

void JobLog::flush() {
  if (buffer_.empty() || closed_) return;
  put(buffer_);
  if (buffer_.capacity() > 2 * largest_buffer) buffer_ = {};
  buffer_.clear();
}

void JobLog::close() {
  if (closed_) return;
  cut_line();
  flush();
  if (fd_) {
    compact();
    if (lost_ > 0) put("");
  }
  closed_ = true;
  fd_.reset();
  if (spare_.fd && !opened_) logs_.give_back(std::move(spare_));
  buffer_ = {};
}

Result<void> JobLog::begin() {
  if (opened_ || begun_) return {};
  auto spare = logs_.take();
  if (!spare && is_shortage(spare.error().number))
    return Error::of_system(spare.error().thing, spare.error().number,
                            "this job's output is not kept");
  if (spare) spare_ = std::move(*spare);  // else it is tried again, if something is to be written
  ::unlink(path_.c_str());
  begun_ = true;
  return {};
}

/// True if the file is open; it gets its name at the first call.
bool JobLog::open() {
  if (opened_) return static_cast<bool>(fd_);
  opened_ = true;
  const auto name_it = [this] {
    if (!name_spare()) make_file();
    return static_cast<bool>(fd_);
  };
  if (!name_it() && errno == ENOENT &&
      make_trusted_directory(std::string(text::directory_of(path_)), 0750, Sharing::names))
    name_it();
  if (!fd_) {
    if (!trouble_) trouble_ = Error::of_system(path_, errno, "this job's output is not kept");
    return false;
  }
  link_old_name();
  return true;
}

/// Somebody may have tidied up, and the spare file has no name any more.
bool JobLog::name_spare() {
  if (!spare_.fd || ::rename(spare_.path.c_str(), path_.c_str()) != 0) return false;
  fd_ = std::move(spare_.fd);
  return true;
}

void JobLog::make_file() {
  ::unlink(path_.c_str());
  fd_ = Fd(::open(path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640));
}

void JobLog::link_old_name() const {
  if (old_name_.empty()) return;
  // Suite and format are not in the old name, so two jobs can have one.
  for (int i = 1; i <= most_links; ++i) {
    const std::string name =
        logs_.log_dir() + "/" + old_name_ + (i > 1 ? "." + std::to_string(i) : "");
    if (::symlink(file_name_.c_str(), name.c_str()) == 0 || errno != EEXIST) return;
    std::error_code failed;
    if (std::filesystem::read_symlink(name, failed) == file_name_) return;
  }
}

/// Writes at the end of the file, and before it what was lost since the last time.
void JobLog::put(std::string_view bytes) {
  if (!open()) {
    lost_ += static_cast<std::int64_t>(bytes.size());
    return;
  }
  std::string marked;
  if (lost_ > 0) {
    marked = "\nrbit: " + std::to_string(lost_) + " bytes could not be written here\n";
    marked += bytes;
  }
  std::string_view rest = lost_ > 0 ? std::string_view(marked) : bytes;
  const std::size_t mark = rest.size() - bytes.size();
  while (!rest.empty()) {
    const ssize_t count = ::pwrite(fd_.get(), rest.data(), rest.size(), size_);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      if (!trouble_) trouble_ = Error{path_, std::strerror(errno), "output of this job is lost"};
      break;
    }
    size_ += count;
    rest.remove_prefix(static_cast<std::size_t>(count));
  }
  const std::size_t written = mark + bytes.size() - rest.size();
  if (written >= mark) lost_ = 0;
  lost_ += static_cast<std::int64_t>(std::min(rest.size(), bytes.size()));
  // Three halves, so that a byte is moved once at most while the output goes on.
  if (size_ >= 3 * half_) compact();
}

/// Leaves the first half and the last half in the file, and a line between that says what is gone.
void JobLog::compact() {
  const std::int64_t begin = tail_begin_ > 0 ? tail_begin_ : half_;
  std::int64_t from = size_ - half_;
  if (from - begin < least_gap) return;
  left_out_ += from - begin;

  char last = '\n';
  if (::pread(fd_.get(), &last, 1, half_ - 1) != 1) last = '\0';
  const std::string mark =
      (last == '\n' ? "" : "\n") + std::to_string(left_out_) + " bytes left out\n";
  std::int64_t to = half_;
  bool good =
      ::pwrite(fd_.get(), mark.data(), mark.size(), to) == static_cast<ssize_t>(mark.size());
  to += static_cast<std::int64_t>(mark.size());
  tail_begin_ = to;

  std::string block(1 << 18, '\0');
  while (good && from < size_) {
    const ssize_t count = ::pread(fd_.get(), block.data(), block.size(), from);
    good = count > 0 &&
           ::pwrite(fd_.get(), block.data(), static_cast<std::size_t>(count), to) == count;
    from += count;
    to += count;
  }
  if (good && ::ftruncate(fd_.get(), to) == 0) {
    size_ = to;
  } else if (!trouble_) {
    trouble_ = Error{path_, std::strerror(errno), "its middle is not what it should be"};
  }
}

std::vector<std::string> JobLog::last_lines(std::size_t count) const {
  std::vector<std::string> lines;
  // Before it is taken apart: a secret may go over the end of a line.
  const std::string text = secrets::redacted(recent_, recent_missing_);
  std::string_view rest = text;
  while (!rest.empty() && lines.size() < count) {
    const auto line_begin = rest.rfind('\n');  // npos + 1 is 0
    std::string_view line = text::trim(rest.substr(line_begin + 1));
    line = line.substr(line.rfind('\r') + 1);
    if (!line.empty()) lines.push_back(text::one_line(line));
    rest = rest.substr(0, line_begin == std::string_view::npos ? 0 : line_begin);
  }
  std::reverse(lines.begin(), lines.end());
  return lines;
}

}  // namespace rbit
