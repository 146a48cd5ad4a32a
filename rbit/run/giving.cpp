#include "rbit/run/giving.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <variant>

#include "rbit/base/json.h"
#include "rbit/base/text.h"
#include "rbit/core/destination.h"
#include "rbit/core/metric_rules.h"
#include "rbit/run/open_below.h"

namespace rbit {

namespace {

constexpr std::size_t most_publications = 1000;           // of an attempt
constexpr std::size_t most_bytes = 16u << 20;             // of them together
constexpr std::int64_t largest_file = 4 << 20;            // as large as a message may be
constexpr std::size_t most_metrics = 1000;                // different ones, of an attempt
constexpr std::chrono::milliseconds progress_pause{200};  // between two that are passed on

std::string section(const Job& job) {
  return "[runner:" + job.runner + "]";
}

std::size_t size_of(const Publication& publication) {
  std::size_t size = publication.body.size();
  for (const auto& [name, value] : publication.properties.headers) {
    const auto* const text = std::get_if<std::string>(&value);
    size += name.size() + (text != nullptr ? text->size() : sizeof value);
  }
  return size;
}

/// To what a publication of a file that cannot be sent is.
Error no_file(const std::string& name, std::string why) {
  return {"publish of file " + text::one_line(name, 200), std::move(why),
          "name a regular file of at most 4 MiB below the job's directory"};
}

/// `name` from `directory`; one that lies elsewhere is left as it is, and is not found.
std::string relative_to(const std::string& directory, const std::string& name) {
  std::string relative = std::filesystem::path(name).lexically_normal().string();
  if (relative.starts_with(directory + "/")) relative.erase(0, directory.size() + 1);
  return relative;
}

}  // namespace

/// Remembered for the end, where it makes the job a failed one.
Result<void> Giving::refuse(Error why) {
  if (!refused_) refused_ = why;
  return why;
}

Result<void> Giving::publish(PublishEvent event) {
  if (!event.mistake.empty())
    return refuse({"a publish event", std::move(event.mistake), "see rbit-runner(7)"});
  if (const auto allowed = check(event.publication.to); !allowed) return refuse(allowed.error());
  Publication& publication = event.publication;
  if (event.now && !event.file.empty()) {
    auto body = read_file(event.file);
    if (!body) return refuse(body.error());
    publication.body = std::move(*body);
    event.file.clear();
  }
  if (const auto counted = count(publication); !counted) return refuse(counted.error());
  if (event.now)
    context_.publish(std::move(publication));
  else
    waiting_.push_back({std::move(publication), std::move(event.file)});
  return {};
}

Result<void> Giving::check(const Destination& to) const {
  const std::string what = "publish to " + written(to);
  if (!context_.publishes_nothing.empty()) return Error{what, context_.publishes_nothing, ""};
  if (!is_covered(to, policy_.may_publish))
    return Error{"", what + " is not allowed",
                 "add " + written(to) + " to may-publish in " + section(job_)};
  if (const std::string mistake = context_.mistake_of(to); !mistake.empty())
    return Error{what, mistake, ""};
  return {};
}

Result<void> Giving::count(const Publication& publication) {
  bytes_ += size_of(publication);
  if (++publications_ > most_publications)
    return Error{"publish", "more than " + std::to_string(most_publications) + " messages", ""};
  if (bytes_ > most_bytes) return Error{"publish", "more than 16 MiB of messages together", ""};
  return {};
}

/// Through no link, and nothing but a regular file is ever opened.
Result<Body> Giving::read_file(const std::string& name) const {
  const Fd directory(::open(work_dir_.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!directory) return no_file(name, std::strerror(errno));
  const Fd found = open_below(directory.get(), relative_to(work_dir_, name),
                              O_PATH | O_NOFOLLOW | O_CLOEXEC, Mounts::keep_out);
  struct stat status {};
  if (!found || ::fstat(found.get(), &status) != 0) {
    const bool is_elsewhere = errno == EXDEV || errno == ELOOP;
    return no_file(name, is_elsewhere ? "it does not lie below the job's directory"
                                      : std::string(std::strerror(errno)));
  }
  if (S_ISLNK(status.st_mode)) return no_file(name, "it is a link");
  if (!S_ISREG(status.st_mode)) return no_file(name, "it is no regular file");
  // What another user's job may link to, it need not be able to read.
  if (status.st_nlink > 1) return no_file(name, "it has several names (hard links)");
  if (status.st_size > largest_file) return no_file(name, "it is larger than 4 MiB");
  const Fd file = open_again(found);
  if (!file) return no_file(name, std::strerror(errno));
  std::string bytes(static_cast<std::size_t>(status.st_size), '\0');
  std::size_t have = 0;
  while (have < bytes.size()) {
    const ssize_t count = ::read(file.get(), bytes.data() + have, bytes.size() - have);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return no_file(name, std::strerror(errno));
    if (count == 0) break;  // it has become shorter
    have += static_cast<std::size_t>(count);
  }
  bytes.resize(have);
  return Body(std::move(bytes));
}

void Giving::result(const std::string& json) {
  result_ = json::redacted(json);
}

Result<void> Giving::metric(MetricEvent event) {
  MetricChange& change = event.change;
  if (auto allowed = check_metric(change, policy_.metrics, job_.runner); !allowed) {
    context_.metric(std::move(change));  // whoever keeps the metrics counts what is refused
    return allowed;
  }
  if (event.now) {
    context_.metric(std::move(change));
    return {};
  }
  const auto [place, is_new] =
      metric_places_.emplace(std::pair(change.name, change.labels), metrics_.size());
  if (!is_new) {
    MetricChange& last = metrics_[place->second];
    if (change.kind == MetricChange::Kind::set) {
      last = std::move(change);
      return {};
    }
    if (!std::isfinite(last.value + change.value))
      return Error{"", "metric " + change.name + " would be too large for a number", ""};
    last.value += change.value;
    return {};
  }
  if (metrics_.size() == most_metrics) {
    metric_places_.erase(place);
    return Error{"", "metric " + change.name + " is one too many: a job changes at most 1000", ""};
  }
  metrics_.push_back(std::move(change));
  return {};
}

void Giving::progress(Progress progress) {
  progress_ = std::move(progress);
  if (std::chrono::steady_clock::now() >= *progress_due()) flush_progress();
}

std::optional<std::chrono::steady_clock::time_point> Giving::progress_due() const {
  if (!progress_) return std::nullopt;
  return progressed_ + progress_pause;
}

void Giving::flush_progress() {
  if (!progress_) return;
  context_.progress(*std::exchange(progress_, std::nullopt));
  progressed_ = std::chrono::steady_clock::now();
}

Result<void> Giving::fill_in_files() {
  for (Waiting& one : waiting_) {
    if (one.file.empty()) continue;
    auto body = read_file(one.file);
    if (!body) return body.error();
    bytes_ += body->size();
    if (bytes_ > most_bytes) return Error{"publish", "more than 16 MiB of messages together", ""};
    one.publication.body = std::move(*body);
  }
  return {};
}

void Giving::complete(Outcome& outcome) {
  if (!result_.empty()) outcome.given.result = std::move(result_);
  if (outcome.kind == Outcome::Kind::done && !refused_)
    if (const auto filled = fill_in_files(); !filled) refused_ = filled.error();
  if (outcome.kind == Outcome::Kind::done && refused_) {
    outcome.kind = Outcome::Kind::failed;
    outcome.reason = "publish";
    outcome.message = refused_->text();
  }
  if (outcome.kind != Outcome::Kind::done) return;
  for (Waiting& one : waiting_) outcome.given.publications.push_back(std::move(one.publication));
  outcome.given.metrics = std::move(metrics_);
  outcome.given.stops_chain = stops_chain_;
}

}  // namespace rbit
