#include "rbit/app/keepers.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <deque>
#include <nlohmann/json.hpp>
#include <utility>

#include "rbit/app/keeper_lines.h"
#include "rbit/app/progress_json.h"
#include "rbit/base/clock.h"
#include "rbit/base/json.h"
#include "rbit/core/job_facts.h"
#include "rbit/log/log.h"
#include "rbit/run/outcome_file.h"
#include "rbit/run/record.h"
#include "rbit/run/record_slots.h"
#include "rbit/run/workspace.h"

namespace rbit {

namespace {

using boost::system::error_code;
using Json = nlohmann::json;

constexpr std::size_t longest_line = 8 << 20;
constexpr std::chrono::seconds patience_with_one{10};  // then the log says what is waited for
constexpr milliseconds look_pause{200}, publish_pause{1'000};

}  // namespace

struct Keepers::Channel {
  explicit Channel(const asio::any_io_executor& loop) : heard(loop) {}
  void add(KeptNews one) {
    news.push_back(std::move(one));
    heard.notify();
  }
  std::deque<KeptNews> news;
  bool publishes = false;  // something is beside the record
  Notice heard;
};

struct Keepers::Link {
  explicit Link(const asio::any_io_executor& loop) : socket(loop) {}
  asio::local::stream_protocol::socket socket;
  std::string read;
  std::int64_t pid = 0;
  bool is_known = false;  // its first line is here, or none comes
  std::map<std::string, std::shared_ptr<Channel>> channels;  // by record

  Task<std::optional<Json>> next_line() {
    error_code failed;
    const std::size_t size =
        co_await asio::async_read_until(socket, asio::dynamic_buffer(read, longest_line), '\n',
                                        asio::redirect_error(asio::use_awaitable, failed));
    if (failed) co_return std::nullopt;
    json::Limits limits;
    limits.bytes = limits.string_bytes = longest_line;
    auto line = json::parse(std::string_view(read).substr(0, size), limits);
    read.erase(0, size);
    if (!line || !line->is_object()) co_return Json::object();
    co_return std::move(*line);
  }
  /// A few bytes, once: they fit into the socket or it is dead.
  void ask(const Json& line) {
    const std::string text = line.dump() + "\n";
    (void)::send(socket.native_handle(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  }
};

class Keepers::Followed : public KeptAttempt {
 public:
  Followed(Keepers& all, std::shared_ptr<Link> link, std::shared_ptr<Channel> channel,
           OpenAttempt open, RunnerPolicy policy)
      : all_(all),
        link_(std::move(link)),
        channel_(std::move(channel)),
        open_(std::move(open)),
        policy_(std::move(policy)) {}

  Task<KeptNews> next() override {
    for (;;) {
      if (std::exchange(channel_->publishes, false)) (void)co_await publish_all();
      if (!channel_->news.empty()) break;
      co_await channel_->heard.wait();
    }
    KeptNews news = std::move(channel_->news.front());
    channel_->news.pop_front();
    co_return news;
  }

  void stop(StopKind kind) override {
    Json line;
    line["record"] = open_.record_dir;
    line["stop"] = name_in(stop_names, kind);
    link_->ask(line);
  }

  Task<std::optional<Outcome>> outcome() override {
    const bool published = co_await publish_all();
    if (!published) co_return std::nullopt;  // we stop: the next life finds it
    const Job& job = open_.job;
    auto outcome = co_await recover_attempt(open_, policy_, all_.place_);
    log::info("job " + job.name() + ", attempt " + std::to_string(job.attempt) + ", of rbit " +
                  std::to_string(link_->pid) +
                  (outcome ? " has ended: " + std::string(to_string(outcome->kind))
                           : " has ended with that, without a verdict: it runs again"),
              facts_of(job));
    if (!outcome) discard_record();
    co_return outcome;
  }

  void discard_record() override {
    const std::string directory = RecordName::parse(open_.record_dir).directory;
    if (const auto removed = remove_tree(directory); !removed)
      log::warning("could not clean up: " + removed.error().text(), facts_of(open_.job));
  }

  const std::string& record_dir() const override { return open_.record_dir; }
  std::int64_t keeper() const override { return link_->pid; }

 private:
  Task<bool> publish_all() {
    return publish(all_.journal_, open_.job, open_.record_dir, all_.told_to_stop_);
  }

  Keepers& all_;
  std::shared_ptr<Link> link_;
  std::shared_ptr<Channel> channel_;
  OpenAttempt open_;
  RunnerPolicy policy_;
};

Keepers::Keepers(const asio::any_io_executor& loop, std::string state_dir, const RunPlace& place,
                 Journal& journal, const std::atomic<bool>& told_to_stop)
    : loop_(loop),
      state_dir_(std::move(state_dir)),
      place_(place),
      journal_(journal),
      told_to_stop_(told_to_stop) {}

Keepers::~Keepers() = default;

Task<bool> Keepers::meet() {
  for (std::string& path : keeper_sockets(state_dir_)) {
    const bool known = co_await greet(std::move(path));
    if (!known) co_return false;
  }
  co_return true;
}

/// Returns false if rbit was told to stop before it answered.
Task<bool> Keepers::greet(std::string path) {
  auto link = std::make_shared<Link>(loop_);
  error_code failed;
  const asio::local::stream_protocol::endpoint endpoint(path);
  co_await link->socket.async_connect(endpoint, asio::redirect_error(asio::use_awaitable, failed));
  if (failed) {
    ::unlink(path.c_str());  // its keeper died
    co_return true;
  }
  ::fcntl(link->socket.native_handle(), F_SETFD, FD_CLOEXEC);
  spawn(loop_, await_hello(link, std::move(path)), "waiting for a keeper");
  const std::optional<Json> hello = co_await link->next_line();
  link->is_known = true;
  if (!hello) co_return !told_to_stop_;  // it ended just now: its records tell
  link->pid = hello->value("pid", std::int64_t{0});
  const auto attempts = hello->find("attempts");
  if (attempts != hello->end() && attempts->is_array())
    for (const Json& one : *attempts) {
      auto channel = std::make_shared<Channel>(loop_);
      if (const auto progress = one.find("progress"); progress != one.end())
        channel->add(progress_from(*progress));
      channel->publishes = true;  // it may have, before
      link->channels[json::text_in(one, "record")] = std::move(channel);
    }
  links_.push_back(link);
  spawn(loop_, listen(link), "a keeper");
  co_return true;
}

/// What it keeps runs, and nobody else knows what that is: there is no going on without it.
Task<void> Keepers::await_hello(std::shared_ptr<Link> link, std::string path) {
  SystemClock clock;
  const SteadyTime complain_at = clock.steady() + patience_with_one;
  for (bool said = false; !link->is_known;) {
    co_await clock.sleep_for(look_pause);
    error_code ignored;
    if (!link->is_known && told_to_stop_) link->socket.close(ignored);
    if (link->is_known || said || clock.steady() < complain_at) continue;
    said = true;
    log::warning("the rbit at " + path +
                 " runs jobs and does not say which: nothing is taken until it does (is it "
                 "stopped? if it hangs, kill it, and its jobs run again)");
  }
}

Task<void> Keepers::listen(std::shared_ptr<Link> link) {
  for (;;) {
    const std::optional<Json> line = co_await link->next_line();
    if (!line) break;
    const auto found = link->channels.find(json::text_in(*line, "record"));
    if (found == link->channels.end()) continue;
    Channel& channel = *found->second;
    if (line->contains("publication")) {
      channel.publishes = true;
      channel.heard.notify();
    } else if (auto news = news_from(*line)) {
      const bool ended = std::holds_alternative<KeptEnd>(*news);
      channel.add(std::move(*news));
      if (ended) link->channels.erase(found);
    }
  }
  for (const auto& [record, channel] : link->channels) channel->add(KeptEnd{});
  remove(link);
}

void Keepers::remove(const std::shared_ptr<Link>& link) {
  std::erase(links_, link);
}

std::unique_ptr<KeptAttempt> Keepers::take(const OpenAttempt& open, RunnerPolicy policy) {
  for (const auto& link : links_) {
    const auto found = link->channels.find(open.record_dir);
    if (found == link->channels.end()) continue;
    log::info("job " + open.job.name() + ", attempt " + std::to_string(open.job.attempt) +
                  ", goes on in rbit " + std::to_string(link->pid) + ", which handed over",
              facts_of(open.job));
    return std::make_unique<Followed>(*this, link, found->second, open, std::move(policy));
  }
  return nullptr;
}

void Keepers::let_go() {
  for (const auto& link : std::exchange(links_, {})) {
    for (const auto& [record, channel] : std::exchange(link->channels, {}))
      channel->add(KeptElsewhere{});
    error_code ignored;
    link->socket.close(ignored);
  }
}

Task<bool> Keepers::publish(Journal& journal, const Job& job, const std::string& record,
                            const std::atomic<bool>& told_to_stop) {
  SystemClock clock;
  for (const std::string& path : publications_beside(record)) {
    auto publication = read_publication(path);
    while (publication) {
      const auto written = co_await journal.publish(job, *publication);
      if (written) break;
      if (told_to_stop) co_return false;
      co_await clock.sleep_for(publish_pause);
    }
    ::unlink(path.c_str());
  }
  co_return true;
}

}  // namespace rbit
