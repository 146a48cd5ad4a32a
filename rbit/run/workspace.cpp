#include "rbit/run/workspace.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "rbit/base/text.h"
#include "rbit/core/job_name.h"
#include "rbit/run/work_places.h"

namespace rbit {

namespace {

constexpr int most_names = 10'000;  // of one attempt; what is kept keeps its name
constexpr std::size_t life_digits = 16;

std::string kept_name(const Job& job) {
  return job_name_of(job.queue, job.key) + "-" + std::to_string(job.attempt);
}

/// Renames unless something has that name.
bool rename_to_unused(const std::string& from, const std::string& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return true;
  if (errno != EINVAL && errno != ENOSYS) return false;
  // A file system without that call. Nobody else gives such names.
  struct stat info {};
  errno = EEXIST;
  return ::lstat(to.c_str(), &info) != 0 && ::rename(from.c_str(), to.c_str()) == 0;
}

}  // namespace

Workspace::Workspace(std::shared_ptr<WorkPlaces> home, std::unique_ptr<WorkPlace> place)
    : home_(std::move(home)), place_(std::move(place)) {}

Workspace::Workspace(Workspace&&) noexcept = default;

Workspace::~Workspace() {
  if (place_) home_->remove_now(std::move(place_));
}

void Workspace::give_back(const std::string& what, JobFacts facts) && {
  home_->take_back(std::move(place_), what, std::move(facts));
}

void Workspace::give_up(const std::string& what, JobFacts facts) && {
  home_->give_up(std::move(place_), what, std::move(facts));
}

Result<void> Workspace::keep(const Job& job) && {
  return home_->keep(std::move(place_), job);
}

bool Workspace::is_slot(const std::string& root) {
  const std::string_view name = text::base_name(root);
  const std::string_view prefix = slot_prefix;
  if (!root.starts_with('/') || !name.starts_with(prefix)) return false;
  const std::string_view life = name.substr(prefix.size(), life_digits);
  const std::string_view rest = name.substr(std::min(name.size(), prefix.size() + life_digits));
  long long number = 0;
  return life.size() == life_digits &&
         life.find_first_not_of("0123456789abcdef") == std::string_view::npos &&
         rest.starts_with('-') && text::parse_number(rest.substr(1), 1, INT64_MAX, number);
}

bool Workspace::may_be_of(const std::string& root, const Job& job) {
  if (is_slot(root)) return true;
  const auto slash = root.rfind('/');
  const std::string name = kept_name(job);
  if (!root.starts_with('/') || root.compare(slash + 1, name.size(), name) != 0) return false;
  const std::string_view rest = std::string_view(root).substr(slash + 1 + name.size());
  long long number = 0;
  return rest.empty() ||
         (rest.front() == '.' && text::parse_number(rest.substr(1), 2, most_names, number));
}

Result<void> Workspace::keep_as_named(const std::string& root, const Job& job) {
  const std::string path = std::string(text::directory_of(root)) + "/" + kept_name(job);
  for (int i = 1; i <= most_names; ++i) {
    const std::string tried = i == 1 ? path : path + "." + std::to_string(i);
    if (rename_to_unused(root, tried) || errno == ENOENT) return {};
    if (errno != EEXIST && errno != ENOTEMPTY) break;
  }
  return Error::while_doing("cannot be kept as " + path, root, errno);
}

}  // namespace rbit
