#include "rbit/app/keeper_socket.h"

#include <fcntl.h>
#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <nlohmann/json.hpp>
#include <utility>

#include "rbit/app/keeper_lines.h"
#include "rbit/app/private_socket.h"
#include "rbit/app/progress_json.h"
#include "rbit/base/failpoint.h"
#include "rbit/base/json.h"
#include "rbit/base/names.h"
#include "rbit/base/random.h"
#include "rbit/core/job_facts.h"
#include "rbit/log/log.h"
#include "rbit/run/outcome_file.h"
#include "rbit/run/record.h"
#include "rbit/run/record_slots.h"

namespace rbit {

namespace {

using boost::system::error_code;
using Json = nlohmann::json;

constexpr std::size_t most_unheard = 1000;
constexpr std::size_t most_waiting = 10'000;  // lines for one that does not read: it is let go
constexpr std::size_t longest_request = 64 << 10;
constexpr std::chrono::seconds last_words{2};

std::string text_of(const Json& line) {
  return line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

KeeperSocket::KeeperSocket(const asio::any_io_executor& loop, const std::string& state_dir,
                           std::function<void(const std::string&, StopKind)> stop)
    : loop_(loop),
      path_(state_dir + "/" + keeper_prefix + random_digits().substr(0, 7)),
      stop_(std::move(stop)),
      acceptor_(loop),
      sent_(loop) {}

KeeperSocket::~KeeperSocket() {
  if (acceptor_.is_open()) ::unlink(path_.c_str());
}

Result<void> KeeperSocket::open() {
  if (const auto listens = listen_privately(acceptor_, path_); !listens) return listens;
  spawn(loop_, accept_all(), "keeper's socket");
  return {};
}

void KeeperSocket::hold(const Job& job, const std::string& record_dir) {
  held_[record_dir] = Held{job.key, job.attempt, std::nullopt};
}

/// The state directory is ours alone (0700), and so is who comes here. Only one rbit works there at
/// a time: a later one takes the place of one that died.
Task<void> KeeperSocket::accept_all() {
  for (;;) {
    error_code failed;
    auto socket =
        co_await acceptor_.async_accept(asio::redirect_error(asio::use_awaitable, failed));
    if (!acceptor_.is_open()) co_return;
    if (failed) {
      co_await sent_.wait_for(std::chrono::seconds(1));  // out of descriptors, say
      continue;
    }
    ::fcntl(socket.native_handle(), F_SETFD, FD_CLOEXEC);
    if (client_) client_->socket.close(failed);
    client_ = std::make_shared<Client>(std::move(socket));
    greet(*client_);
    for (std::string& line : std::exchange(unheard_, {})) client_->lines.push_back(std::move(line));
    spawn(loop_, send(client_), "keeper's words");
    spawn(loop_, listen_to(client_), "keeper's ear");
  }
}

void KeeperSocket::greet(Client& client) const {
  Json attempts = Json::array();
  for (const auto& [record, one] : held_) {
    Json its{{"record", record}, {"key", one.key}, {"attempt", one.attempt}};
    if (one.progress) its["progress"] = to_json(*one.progress);
    attempts.push_back(std::move(its));
  }
  const Json hello{{"keeper", RBIT_VERSION}, {"pid", ::getpid()}, {"attempts", attempts}};
  client.lines.push_back(text_of(hello));
}

Task<void> KeeperSocket::listen_to(std::shared_ptr<Client> client) {
  std::string read;
  for (;;) {
    error_code failed;
    const std::size_t size =
        co_await asio::async_read_until(client->socket, asio::dynamic_buffer(read, longest_request),
                                        '\n', asio::redirect_error(asio::use_awaitable, failed));
    if (failed) break;
    const auto asked = json::parse(std::string_view(read).substr(0, size));
    read.erase(0, size);
    if (!asked || !asked->is_object()) continue;
    const auto kind = value_in(stop_names, json::text_in(*asked, "stop"));
    const auto its = held_.find(json::text_in(*asked, "record"));
    if (kind && its != held_.end()) stop_(its->second.key, *kind);
  }
  client->is_gone = true;
  if (client_ == client) client_ = nullptr;
  sent_.notify();
}

Task<void> KeeperSocket::send(std::shared_ptr<Client> client) {
  if (std::exchange(client->is_sending, true)) co_return;
  while (!client->lines.empty() && !client->is_gone) {
    const std::string line = std::move(client->lines.front());
    client->lines.pop_front();
    error_code failed;
    co_await asio::async_write(client->socket, asio::buffer(line),
                               asio::redirect_error(asio::use_awaitable, failed));
    if (failed) client->is_gone = true;
  }
  client->is_sending = false;
  sent_.notify();
}

void KeeperSocket::say_to(const std::shared_ptr<Client>& client, std::string line) {
  client->lines.push_back(std::move(line));
  if (client->lines.size() > most_waiting) {
    error_code ignored;
    client->socket.close(ignored);  // it asks anew, and learns what is left
    return;
  }
  if (!client->is_sending) spawn(loop_, send(client), "keeper's words");
}

void KeeperSocket::say(Json line) {
  if (client_) say_to(client_, text_of(line));
}

void KeeperSocket::say(const std::string& record, const KeptNews& news) {
  Json line = to_json(news);
  line["record"] = record;
  const bool is_status = std::holds_alternative<KeptStatus>(news);
  if (client_ || !is_status) return say(std::move(line));
  unheard_.push_back(text_of(line));
  if (unheard_.size() > most_unheard) unheard_.pop_front();
}

std::string KeeperSocket::record_of(const Job& job) const {
  for (const auto& [record, one] : held_)
    if (one.key == job.key) return record;
  return "";
}

void KeeperSocket::status(const Job& job, const Report& report) {
  if (const std::string record = record_of(job); !record.empty())
    say(record, KeptStatus{report.status, report.message});
}

void KeeperSocket::progress(const Job& job, const Progress& progress) {
  const auto its = held_.find(record_of(job));
  if (its == held_.end()) return;
  its->second.progress = progress;
  say(its->first, progress);
}

void KeeperSocket::metric(const Job& job, const MetricChange& change) {
  if (const std::string record = record_of(job); !record.empty()) say(record, change);
}

void KeeperSocket::publish(const Job& job, const Publication& publication,
                           const std::string& record_dir) {
  const auto its = held_.find(record_dir);
  if (its == held_.end()) return;
  const auto written = write_publication(record_dir, ++its->second.publications, publication);
  if (!written)
    log::error("job " + job.name() + ": what it publishes is not on record, and so is not sent: " +
                   written.error().text(),
               facts_of(job));
  Json line;
  line["record"] = record_dir;
  line["publication"] = true;
  say(std::move(line));
}

/// Synced, for rbit's next life may begin after a power cut, and the message of an owned job is
/// gone. From here on the record is our successor's, so its lock is dropped.
void KeeperSocket::ended(const Job& job, const Outcome& outcome, const std::string& record_dir) {
  failpoint("H.ended");
  if (const auto written = write_any_outcome(record_dir, outcome); !written)
    log::error("job " + job.name() + ": its verdict could not be noted: " + written.error().text(),
               facts_of(job));
  sync_record(record_dir);
  close_record(record_dir);
  failpoint("H.noted");
  log::info("job " + job.name() + " has ended (" + std::string(to_string(outcome.kind)) +
                "), its verdict is in its record for the rbit that runs now",
            facts_of(job));
  held_.erase(record_dir);
  say(record_dir, KeptEnd{});
}

Task<void> KeeperSocket::close() {
  error_code ignored;
  if (acceptor_.is_open()) {
    ::unlink(path_.c_str());
    acceptor_.close(ignored);
  }
  const auto end = std::chrono::steady_clock::now() + last_words;
  while (client_ && client_->is_sending) {
    const auto left = end - std::chrono::steady_clock::now();
    if (left.count() <= 0) break;
    co_await sent_.wait_for(left);
  }
}

}  // namespace rbit
