#include "rbit/run/spare_logs.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <utility>
#include <vector>

#include "rbit/base/random.h"
#include "rbit/base/trusted_path.h"

namespace rbit {

struct SpareLogs::State {
  std::string log_dir, directory;
  std::string life;  // names of this life begin so
  std::vector<Spare> idle;
  long made = 0;
  bool is_closed = false;
};

SpareLogs::SpareLogs(std::string log_dir) : state_(std::make_shared<State>()) {
  state_->directory = log_dir + "/.spare";
  state_->log_dir = std::move(log_dir);
}

const std::string& SpareLogs::log_dir() const {
  return state_->log_dir;
}

Result<SpareLogs::Spare> SpareLogs::take() {
  State& state = *state_;
  if (!state.idle.empty()) {
    Spare spare = std::move(state.idle.back());
    state.idle.pop_back();
    return spare;
  }
  if (state.life.empty()) state.life = random_digits() + "-";
  Spare spare;
  spare.path = state.directory + "/" + state.life + std::to_string(++state.made);
  const auto make = [&spare] {
    constexpr int how = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    spare.fd = Fd(::open(spare.path.c_str(), how, 0640));
  };
  make();
  if (!spare.fd && errno == ENOENT) {
    // Those above are for whoever may read logs.
    if (auto made = make_trusted_directory(state.directory, 0750, Sharing::names); !made)
      return made.error();
    make();
  }
  if (!spare.fd) return Error::of_system(spare.path, errno);
  return spare;
}

void SpareLogs::give_back(Spare spare) {
  if (state_->is_closed)
    ::unlink(spare.path.c_str());
  else
    state_->idle.push_back(std::move(spare));
}

void SpareLogs::remove_leftovers() {
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(state_->directory, failed)) {
    const std::string name = entry.path().filename();
    if (state_->life.empty() || !name.starts_with(state_->life)) ::unlink(entry.path().c_str());
  }
}

void SpareLogs::close() {
  state_->is_closed = true;
  for (const Spare& spare : std::exchange(state_->idle, {})) ::unlink(spare.path.c_str());
}

}  // namespace rbit
