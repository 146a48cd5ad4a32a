#include "rbit/app/job_watch.h"

#include <chrono>
#include <iostream>
#include <nlohmann/json.hpp>
#include <thread>
#include <utility>

#include "rbit/app/progress_json.h"
#include "rbit/app/state_dir.h"
#include "rbit/base/clock.h"
#include "rbit/base/text.h"
#include "rbit/run/job_log.h"

namespace rbit {

JobWatch::JobWatch(std::string state_dir, std::string key, std::string queue)
    : state_dir_(std::move(state_dir)),
      key_(std::move(key)),
      queue_(std::move(queue)),
      begun_(to_micros(SystemClock().wall())) {}

bool JobWatch::connect() {
  client_ = ControlClient::connect(StateDir::socket(state_dir_));
  if (!client_) return false;
  nlohmann::json request;
  request["do"] = "follow";
  request["key"] = key_;
  request["queue"] = queue_;
  request["output"] = log_dir_.empty() && progress_.is_drawn();
  if (!client_->send(request)) client_.reset();
  return client_.has_value();
}

void JobWatch::begin() {
  if (!connect()) return;
  // The answer says that it listens: whatever comes from now on is heard.
  const auto answer = client_->receive();
  if (!answer || !*answer) client_.reset();
}

ExitCode JobWatch::to_the_end() {
  for (bool said = false;;) {
    if (!client_) {
      progress_.clear();
      if (!said)
        std::cerr << "waiting for an rbit on this machine with the state directory " << state_dir_
                  << " (a job that runs elsewhere is not seen from here)\n";
      said = true;
      while (!connect()) std::this_thread::sleep_for(std::chrono::milliseconds(200));
    }
    wait_for_line();
    const auto answer = client_->receive();
    if (!answer || !*answer) {  // it stopped, or it crashed; the job is kept
      client_.reset();
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
      continue;
    }
    const nlohmann::json& line = **answer;
    if (const std::string why = line.value("waits", ""); !why.empty()) {
      progress_.clear();
      if (why != said_)
        std::cerr << "queue " << text::one_line(queue_) << " waits: " << text::one_line(why, 2048)
                  << std::endl;
      said_ = why;
      continue;
    }
    if (const auto progress = line.find("progress"); progress != line.end()) {
      progress_.show(progress_from(*progress));
      continue;
    }
    if (const auto output = line.find("output"); output != line.end()) {
      progress_.show_output(output->get<std::string>());
      continue;
    }
    const auto past = line.find("past");
    if (past == line.end()) {
      if (const auto end = print(line)) return *end;
      continue;
    }
    for (std::size_t i = printed_; i < past->size(); ++i)
      if (const auto end = print((*past)[i])) return *end;
  }
}

/// Meanwhile the job may write.
void JobWatch::wait_for_line() {
  constexpr std::chrono::milliseconds look_pause{200};
  while (output_ && !client_->wait_for(look_pause)) {
    progress_.clear();
    output_->print_new();
  }
}

void JobWatch::show_attempt(int attempt) {
  if (log_dir_.empty() || attempt == attempt_) return;
  Job job;
  job.key = key_;
  job.queue = queue_;
  job.attempt = attempt_ = attempt;
  output_.emplace(log_dir_ + "/" + JobLog::name_of(job), begun_);
}

std::optional<ExitCode> JobWatch::print(const nlohmann::json& status) {
  const std::string name = status.value("status", "");
  const std::string reason = status.value("reason", "");
  const std::string message = status.value("message", "");
  std::string line = name;
  if (!reason.empty()) line += " " + reason;
  if (!message.empty()) line += ": " + text::one_line(message);
  progress_.clear();
  if (output_) name == "Building" ? output_->print_new() : output_->finish();
  std::cout << line << std::endl;  // who waits wants it at once
  ++printed_;
  if (name == "Building") show_attempt(status.value("attempt", 1));
  if (name == "Done") return ExitCode::ok;
  if (name == "Failed" || name == "Cancelled") return ExitCode::failed;
  return std::nullopt;
}

}  // namespace rbit
