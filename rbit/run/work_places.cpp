#include "rbit/run/work_places.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <functional>
#include <utility>

#include "rbit/base/aside.h"
#include "rbit/base/random.h"
#include "rbit/log/log.h"

namespace rbit {

namespace {

/// To where their own directories lie, whose names they cannot list.
Result<void> let_others_pass(const Fd& directory, const std::string& path) {
  struct stat info {};
  if (::fstat(directory.get(), &info) != 0) return Error::of_system(path, errno);
  if (info.st_uid != ::geteuid() || (info.st_mode & 0011) == 0011) return {};
  if (::fchmod(directory.get(), (info.st_mode & 07777) | 0011) != 0)
    return Error::while_doing("cannot be opened for the job's user", path, errno);
  return {};
}

}  // namespace

WorkPlaces::WorkPlaces(const asio::any_io_executor& loop, const RunPlace& place)
    : loop_(loop),
      known_(place.work_dir, 0700, Sharing::names),
      links_(place.state_dir + "/slots"),
      logs_(place.log_dir) {}

Result<Workspace> WorkPlaces::lend(const Account* account) {
  const PlaceOwner owner = PlaceOwner::of(account);
  if (auto looked = look_at_directory(owner); !looked) return looked.error();
  for (std::size_t i = idle_.size(); i-- > 0;) {
    if (!(idle_[i]->owner() == owner)) continue;
    auto place = std::move(idle_[i]);
    idle_.erase(idle_.begin() + static_cast<std::ptrdiff_t>(i));
    if (place->begin_job()) return Workspace(shared_from_this(), std::move(place));
    give_up(std::move(place), place->name());  // somebody tidied up, or was curious
  }
  auto made = make(owner);
  if (!made) return made.error();
  (void)(*made)->begin_job();
  return Workspace(shared_from_this(), std::move(*made));
}

/// Another directory of that name has none of our places in it.
Result<void> WorkPlaces::look_at_directory(const PlaceOwner& owner) {
  if (auto looked = known_.look(); !looked) return looked;
  const struct stat& now = known_.info();
  if (!directory_ || now.st_ino != directory_info_.st_ino || now.st_dev != directory_info_.st_dev) {
    Fd opened(::open(known_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!opened) return Error::while_doing("cannot be opened", known_.path(), errno);
    struct stat info {};
    const bool is_it =
        ::fstat(opened.get(), &info) == 0 && info.st_ino == now.st_ino && info.st_dev == now.st_dev;
    if (!is_it) return Error{known_.path(), "was replaced while it was opened", ""};
    for (auto& place : std::exchange(idle_, {})) drop(std::move(place));
    directory_ = std::make_shared<const Fd>(std::move(opened));
    directory_info_ = info;
  }
  if (owner.is_other && (now.st_mode & 0011) != 0011)
    return let_others_pass(*directory_, known_.path());
  return {};
}

Result<std::unique_ptr<WorkPlace>> WorkPlaces::make(const PlaceOwner& owner) {
  if (life_.empty()) life_ = slot_prefix + random_digits() + "-";
  const std::string name = life_ + std::to_string(++made_);
  if (auto linked = make_link(name, known_.path() + "/" + name); !linked) return linked.error();
  auto place = WorkPlace::make(directory_, known_.path(), name, owner);
  if (place) return place;
  if (::access((known_.path() + "/" + name).c_str(), F_OK) != 0) ::unlink(link_of(name).c_str());
  return place;
}

Result<void> WorkPlaces::make_link(const std::string& name, const std::string& root) {
  const std::string link = link_of(name);
  if (::symlink(root.c_str(), link.c_str()) == 0) return {};
  if (errno != ENOENT) return Error::while_doing("cannot be made", link, errno);
  if (auto made = make_trusted_directory(links_, 0700, Sharing::nothing); !made) return made;
  if (::symlink(root.c_str(), link.c_str()) == 0) return {};
  return Error::while_doing("cannot be made", link, errno);
}

void WorkPlaces::take_back(std::unique_ptr<WorkPlace> place, const std::string& what,
                           JobFacts facts) {
  if (!is_closed_ && place->is_below(directory_) && place->end_job())
    idle_.push_back(std::move(place));
  else
    give_up(std::move(place), what, std::move(facts));
}

void WorkPlaces::give_up(std::unique_ptr<WorkPlace> place, const std::string& what,
                         JobFacts facts) {
  GivenUp one{place->root(), link_of(place->name()), what, std::move(facts)};
  place.reset();
  remove_later(std::move(one));
}

void WorkPlaces::remove_now(std::unique_ptr<WorkPlace> place) {
  const std::string root = place->root(), link = link_of(place->name());
  place.reset();
  if (const auto removed = remove_tree(root); !removed)
    log::warning(removed.error().text());
  else
    ::unlink(link.c_str());
}

/// Of a directory that is another one by now, and where no path leads.
void WorkPlaces::drop(std::unique_ptr<WorkPlace> place) {
  if (place->remove_empty()) ::unlink(link_of(place->name()).c_str());
}

Result<void> WorkPlaces::keep(std::unique_ptr<WorkPlace> place, const Job& job) {
  const std::string root = place->root(), link = link_of(place->name());
  place.reset();
  const auto kept = Workspace::keep_as_named(root, job);
  if (kept) ::unlink(link.c_str());
  return kept;
}

void WorkPlaces::remove_later(GivenUp one) {
  given_up_.push_back(std::move(one));
  if (std::exchange(is_removing_, true)) return;
  spawn(loop_, remove_given_up(shared_from_this()), "removing what jobs left");
}

Task<void> WorkPlaces::remove_given_up(std::shared_ptr<WorkPlaces> self) {
  using Warnings = std::vector<std::pair<std::string, JobFacts>>;
  while (!self->given_up_.empty()) {
    const std::vector<GivenUp> batch = std::exchange(self->given_up_, {});
    std::function<Warnings()> work = [&batch] {
      Warnings warnings;
      for (const GivenUp& one : batch) {
        if (const auto removed = remove_tree(one.root); !removed)
          warnings.emplace_back(one.what + ": " + removed.error().text(), one.facts);
        else
          ::unlink(one.link.c_str());
      }
      return warnings;
    };
    const Warnings warnings = co_await aside(std::move(work));
    for (const auto& [line, facts] : warnings) log::warning(line, facts);
  }
  self->is_removing_ = false;
  if (self->removed_ != nullptr) self->removed_->notify();
}

void WorkPlaces::remove_leftovers() {
  logs_.remove_leftovers();
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(links_, failed)) {
    const std::string name = entry.path().filename(),
                      root = std::filesystem::read_symlink(entry.path(), failed);
    if (!life_.empty() && name.starts_with(life_)) continue;
    // A link that says something else is none of ours.
    if (!failed && Workspace::is_slot(root) && root.ends_with("/" + name))
      remove_later({root, entry.path(), "what an earlier start left"});
  }
}

Task<void> WorkPlaces::close() {
  is_closed_ = true;
  for (auto& place : std::exchange(idle_, {})) {
    const std::string what = place->name();
    give_up(std::move(place), what);
  }
  logs_.close();
  Notice removed(loop_);
  removed_ = &removed;
  while (is_removing_) co_await removed.wait();
  removed_ = nullptr;
}

}  // namespace rbit
