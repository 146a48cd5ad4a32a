#include "rbit/app/job_watch.h"

#include <chrono>
#include <iostream>
#include <nlohmann/json.hpp>
#include <thread>
#include <utility>

#include "rbit/app/progress_json.h"
#include "rbit/app/state_dir.h"
#include "rbit/base/text.h"

namespace rbit {

JobWatch::JobWatch(std::string state_dir, std::string key, std::string queue)
    : state_dir_(std::move(state_dir)), key_(std::move(key)), queue_(std::move(queue)) {}

bool JobWatch::connect() {
  client_ = ControlClient::connect(StateDir::socket(state_dir_));
  if (!client_) return false;
  nlohmann::json request;
  request["do"] = "follow";
  request["key"] = key_;
  request["queue"] = queue_;
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
    const auto past = line.find("past");
    if (past == line.end()) {
      if (const auto end = print(line)) return *end;
      continue;
    }
    for (std::size_t i = printed_; i < past->size(); ++i)
      if (const auto end = print((*past)[i])) return *end;
  }
}

std::optional<ExitCode> JobWatch::print(const nlohmann::json& status) {
  const std::string name = status.value("status", "");
  const std::string reason = status.value("reason", "");
  const std::string message = status.value("message", "");
  std::string line = name;
  if (!reason.empty()) line += " " + reason;
  if (!message.empty()) line += ": " + text::one_line(message);
  progress_.clear();
  std::cout << line << std::endl;  // who waits wants it at once
  ++printed_;
  if (name == "Done") return ExitCode::ok;
  if (name == "Failed" || name == "Cancelled") return ExitCode::failed;
  return std::nullopt;
}

}  // namespace rbit
