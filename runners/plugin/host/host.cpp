#include "runners/plugin/host/host.h"

#include <cxxabi.h>
#include <dirent.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <iostream>
#include <memory>
#include <typeinfo>

namespace rbit::plugin_host {
namespace {

int open_descriptors() {
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(::opendir("/proc/self/fd"), ::closedir);
  int count = 0;
  while (entries != nullptr && ::readdir(entries.get()) != nullptr) ++count;
  return count;
}

// The job's last words are in its log before its verdict is known.
void flush_output() {
  std::cout.flush();
  std::clog.flush();
  std::fflush(nullptr);
}

// The type of the exception being handled, for one that says nothing about itself.
std::string exception_type() {
  const std::type_info* type = abi::__cxa_current_exception_type();
  if (type == nullptr) return "something that is no C++ exception";
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> name(
      abi::__cxa_demangle(type->name(), nullptr, nullptr, &status), std::free);
  return name != nullptr ? name.get() : type->name();
}

// What is not allowed to cross and does all the same: failed, and not the end of the host. A child
// that the runner made of this process and that comes back ends here: it is no host.
template <class Call>
int guarded(const PluginJob& job, const char* function, Call call) {
  const pid_t host = ::getpid();
  const auto end_child = [host](int code) {
    if (::getpid() == host) return;
    flush_output();
    ::_exit(code);
  };
  try {
    const int value = call();
    end_child(value == RBIT_DONE ? 0 : 1);
    return value;
  } catch (const std::exception& error) {
    job.explain(exception_type() + " out of " + function + ": " + error.what());
  } catch (...) {
    job.explain(std::string(function) + " threw " + exception_type());
  }
  end_child(1);
  return RBIT_FAILED;
}

const char* to_verdict(int value) {
  switch (value) {
    case RBIT_DONE:
      return "done";
    case RBIT_BLOCKED:
      return "blocked";
    case RBIT_CANCELLED:
      return "cancelled";
    default:
      return "failed";
  }
}

bool is_verdict(int value) {
  return value >= RBIT_DONE && value <= RBIT_CANCELLED;
}

}  // namespace

void Host::serve(JobInput& input) {
  input_ = &input;
  while (const std::optional<std::string> line = input.next_line()) {
    const Result<JobData> data = parse_job(*line);
    events_.set_token(data ? data->token : std::string());
    if (!data)
      events_.result("failed", data.error().text(), 0, {}, {});
    else if (file_.is_another_one())
      events_.stale(file_.path());
    else
      run(*data);
  }
}

int Host::run(const JobData& data) {
  if (settings_.empty() || settings_.back() != data.settings) settings_.push_back(data.settings);
  const PluginJob job(data, settings_.back(), events_);
  // Temporary files are the job's and go with it; so is a home where its user has none.
  if (tmp_dir_is_free_ && !data.tmp_dir.empty()) ::setenv("TMPDIR", data.tmp_dir.c_str(), 1);
  if (!data.home_dir.empty()) ::setenv("HOME", data.home_dir.c_str(), 1);
  int value = RBIT_FAILED;
  int left_open = 0;
  std::vector<std::string> left;
  if (!data.work_dir.empty() && ::chdir(data.work_dir.c_str()) != 0) {
    job.explain(data.work_dir + ": " + std::strerror(errno));
  } else if (open(job, value)) {
    // What open() made is there for all jobs.
    std::vector<std::string> own;
    if (tmp_dir_is_free_) own.emplace_back("TMPDIR");
    if (!data.home_dir.empty()) own.emplace_back("HOME");
    if (!ground_) ground_.emplace(std::move(own));
    const int open_before = open_descriptors();
    value = call(job);
    left_open = open_descriptors() - open_before;
    left = ground_->changes();
  }
  flush_output();
  // A job's directory must not be busy when it is removed.
  if (::chdir("/") != 0) std::perror("/");
  std::string message = job.explanation();
  if (message.empty() && value != RBIT_DONE) message = job.last_mistake();
  events_.result(to_verdict(value), message, left_open, left, data.record,
                 value == RBIT_DONE ? job.result() : std::string());
  return is_verdict(value) ? value : static_cast<int>(RBIT_FAILED);
}

/// Returns false if it refused, with `value`.
bool Host::open(const PluginJob& job, int& value) {
  if (open_) return true;
  if (runner_.open != nullptr) {
    value = guarded(job, "open()", [&] { return runner_.open(&job, &state_); });
    if (value != RBIT_DONE) {
      if (job.explanation().empty()) job.explain("open() refused with " + std::to_string(value));
      return false;
    }
  }
  open_ = true;
  // Said without an open() too: it is believed once, and then no job can say it.
  if (input_ == nullptr || job.data().token.empty()) return true;  // nobody looks
  // As it will stand between jobs.
  if (::chdir("/") != 0) std::perror("/");
  events_.opened();
  if (!input_->wait_for_line()) {
    job.explain("rbit is gone");
  } else if (const std::string& place = job.data().work_dir;
             !place.empty() && ::chdir(place.c_str()) != 0) {
    job.explain(place + ": " + std::strerror(errno));
  } else {
    return true;
  }
  value = RBIT_FAILED;
  return false;
}

int Host::call(const PluginJob& job) {
  const int value = guarded(job, "run()", [&] { return runner_.run(state_, &job); });
  if (!is_verdict(value) && job.explanation().empty())
    job.explain("run() returned " + std::to_string(value) + ", which is no verdict");
  return value;
}

void Host::close() {
  if (!open_ || runner_.close == nullptr) return;
  open_ = false;
  try {
    runner_.close(state_);
  } catch (...) {
    std::cerr << "close() threw " << exception_type() << "\n";
  }
  flush_output();
}

}  // namespace rbit::plugin_host
