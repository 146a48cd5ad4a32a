#include "rbit/config/secret_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "rbit/base/fd.h"
#include "rbit/base/trusted_path.h"

namespace rbit::config {

namespace {

constexpr std::size_t most_bytes = 4 << 20;  // no configuration is longer; /dev/zero is

bool is_trusted(const struct stat& status) {
  return status.st_uid == 0 || status.st_uid == ::geteuid();
}

Error failed(const std::string& path) {
  const int why = errno;
  const char* const cure = why == ENOENT || why == ENOTDIR ? "correct the path, or write the file"
                           : why == EACCES                 ? "let the user rbit runs as read it"
                                                           : "";
  return {path, std::strerror(why), cure};
}

/// Non-blocking, so that a pipe under that name cannot stop the start.
Result<Fd> open_regular(const std::string& path, struct stat& status) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd || ::fstat(fd.get(), &status) != 0) return failed(path);
  if (!S_ISREG(status.st_mode)) return Error{path, "is no regular file", "name a file"};
  return fd;
}

Result<std::string> read_all(const std::string& path, int fd) {
  std::string text;
  char buffer[16384];
  for (;;) {
    const ssize_t got = ::read(fd, buffer, sizeof buffer);
    if (got == 0) return text;
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed(path);
    text.append(buffer, static_cast<std::size_t>(got));
    if (text.size() > most_bytes) return Error{path, "is larger than 4 MiB", "name another file"};
  }
}

/// Who could put another text there by this part of its path.
void look_at(const std::string& path, const struct stat& part, std::vector<Error>& exposure) {
  if (!is_trusted(part))
    exposure.push_back(
        {path, path + " belongs to user " + std::to_string(part.st_uid) + ", who could change it",
         "chown it to root or to the user rbit runs as"});
  struct stat ours = part;  // both may be wrong
  ours.st_uid = 0;
  const Meddler meddler = meddler_of(ours);
  if (meddler == Meddler::others)
    exposure.push_back({path, "anybody may change " + path, "chmod go-w " + path});
  else if (meddler == Meddler::group)
    exposure.push_back({path, "a group may change " + path, "chmod g-w " + path});
}

/// What systemd's LoadCredential= gave us lies where no one else comes, whatever the modes say.
bool is_credential(const std::string& path) {
  const char* directory = std::getenv("CREDENTIALS_DIRECTORY");
  return directory != nullptr && *directory == '/' &&
         std::filesystem::path(path).parent_path() == std::filesystem::path(directory);
}

}  // namespace

Result<std::string> read_secret_file(const std::string& path) {
  struct stat status {};
  auto fd = open_regular(path, status);
  if (!fd) return fd.error();
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) && !is_credential(path))
    return Error{path, "is open to others", "chmod 600 " + path};
  if (!is_trusted(status)) return Error{path, "belongs to another user", "chown it to yours"};
  auto text = read_all(path, fd->get());
  if (!text) return text;
  if (text->ends_with('\n')) text->pop_back();
  if (text->ends_with('\r')) text->pop_back();
  if (text->empty()) return Error{path, "is empty", "write the secret into it"};
  return text;
}

Result<std::string> read_text_file(const std::string& path) {
  struct stat status {};
  auto fd = open_regular(path, status);
  if (!fd) return fd.error();
  return read_all(path, fd->get());
}

std::vector<Error> exposure_of(const std::string& path) {
  std::vector<Error> exposure;
  const auto look = [&exposure](const std::string& name, const struct stat& part) -> Result<void> {
    look_at(name, part, exposure);
    return {};
  };
  const auto found = walk_path(path, look);
  if (!found || found->is_missing) return {};  // whoever reads it will say so
  return exposure;
}

Readers readers_of(const std::string& path) {
  std::error_code ignored;
  auto at = std::filesystem::canonical(path, ignored);
  struct stat status {};
  if (ignored || ::stat(at.c_str(), &status) != 0) return Readers::none;
  // root's file for our group, as in /etc: the group is how we read it, and no stranger.
  const bool for_us = status.st_uid != ::geteuid() &&
                      (status.st_gid == ::getegid() || ::group_member(status.st_gid) != 0);
  bool group = (status.st_mode & S_IRGRP) != 0 && !for_us;
  bool all = (status.st_mode & S_IROTH) != 0;
  // Who may not pass a directory cannot read what is below.
  while (at != at.root_path()) {
    at = at.parent_path();
    if (::stat(at.c_str(), &status) != 0) break;
    all = all && (status.st_mode & S_IXOTH) != 0;
    group = group && (status.st_mode & (S_IXGRP | S_IXOTH)) != 0;
  }
  return all ? Readers::all : group ? Readers::group : Readers::none;
}

}  // namespace rbit::config
