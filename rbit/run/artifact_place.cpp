#include "rbit/run/artifact_place.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <memory>
#include <utility>

#include "rbit/run/open_below.h"

namespace rbit {

namespace {

std::string real_path(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr),
                                                         &std::free);
  return real ? std::string(real.get()) : path;
}

Error because(std::string reason) {
  return Error{"", std::move(reason)};
}

}  // namespace

Result<void> ArtifactPlace::open(const std::string& path) {
  const auto slash = path.rfind('/', path.rfind('/') - 1);
  const Fd above(::open(path.substr(0, slash + 1).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  Fd directory;
  if (above)
    directory = open_below(above.get(), path.substr(slash + 1),
                           O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, Mounts::enter);
  if (!directory) {
    Error error = Error::of_system(path, errno, "artifacts are taken from here");
    if (error.number == ELOOP || error.number == ENOTDIR) error.reason = "is no directory any more";
    return error;
  }
  set(path, std::move(directory), false);
  return {};
}

void ArtifactPlace::set(std::string path, Fd directory, bool keeps) {
  path_ = std::move(path);
  names_ = {path_, real_path(path_)};
  directory_ = std::move(directory);
  keeps_ = keeps;
}

std::string ArtifactPlace::relative(const std::string& path) const {
  for (const auto& name : names_)
    if (path.starts_with(name + "/")) return path.substr(name.size() + 1);
  return "";
}

Result<Fd> ArtifactPlace::open_file(const std::string& relative) const {
  const Fd found = open_linked(directory_.get(), relative, names_);
  struct stat info {};
  if (!found && errno == EXDEV) {
    const bool upwards = ("/" + relative + "/").find("/../") != std::string::npos;
    return because(upwards ? "lies outside the job's directory"
                           : "is a link that leads out of the job's directory");
  }
  if (!found && errno == ELOOP) return because("is a link without an end");
  if (!found || ::fstat(found.get(), &info) != 0) return Error::of_system("", errno);
  if (!S_ISREG(info.st_mode)) return because("is not a regular file");
  Fd file = open_again(found);
  if (!file) return Error::of_system("", errno);
  return file;
}

}  // namespace rbit
