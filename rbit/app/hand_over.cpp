#include "rbit/app/hand_over.h"

#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>
#include <utility>

#include "rbit/app/control_client.h"
#include "rbit/base/failpoint.h"
#include "rbit/log/log.h"

namespace rbit {

namespace {

// Until what is between two steps is on record: milliseconds, unless the disk is sick.
constexpr milliseconds rest_limit{5'000};
// Until the one that is asked has answered: it comes to rest, and closes its connections.
constexpr milliseconds answer_limit{60'000};

// One that was told to stop a moment ago may not have heard it yet.
constexpr milliseconds refusal_limit{2'000}, refusal_pause{50};

Error not_answered() {
  return {"the rbit that works here", "drains, but does not hand over",
          "wait until it has ended, or kill it: its jobs run again then"};
}

/// Asks it. Nothing: the lock is free, or will be in a moment.
std::optional<Error> ask_to_hand_over(const std::string& state_dir) {
  auto holder = ControlClient::connect(StateDir::socket(state_dir));
  if (!holder) return std::nullopt;  // a command, or one that starts or ends just now
  failpoint("H.asking");
  const nlohmann::json request{{"do", "hand-over"}, {"version", RBIT_VERSION}};
  if (const auto sent = holder->send(request); !sent) return std::nullopt;
  if (!holder->wait_for(answer_limit)) return not_answered();
  const auto answer = holder->receive();
  if (answer) return std::nullopt;  // without one it has ended
  if (answer.error().thing == ControlClient::lost) return std::nullopt;
  // One of an older version cannot.
  if (answer.error().thing == ControlServer::unknown_request)
    return StateDir::taken_error(state_dir);
  return answer.error();
}

}  // namespace

StateDir take_over(const std::string& path) {
  const auto end = std::chrono::steady_clock::now() + refusal_limit;
  for (;;) {
    if (auto state = StateDir::try_open(path)) return std::move(*state);
    const auto refused = ask_to_hand_over(path);
    if (!refused) break;
    if (std::chrono::steady_clock::now() >= end) throw Fatal(ExitCode::temporary, *refused);
    std::this_thread::sleep_for(refusal_pause);
  }
  StateDir state = StateDir::open(path);
  failpoint("H.locked");
  return state;
}

HandOver::HandOver(const asio::any_io_executor& loop, Means means)
    : loop_(loop), means_(std::move(means)), changed_(loop) {}

ControlServer::Handler HandOver::handler() {
  return [this](nlohmann::json request, ControlPeer& peer) {
    return answer(std::move(request), peer);
  };
}

Task<void> HandOver::answer(nlohmann::json request, ControlPeer& peer) {
  if (!means_.told_to_stop) {
    const Error error = StateDir::taken_error(means_.state_dir);
    co_await peer.send_error(error);
    co_return;
  }
  nlohmann::json ok;
  ok["ok"] = true;
  if (state_ == State::ending) co_await peer.send(ok);
  if (state_ == State::ending) co_return;
  if (state_ != State::idle) {
    const Error error{means_.state_dir, "the rbit that works here hands over to another one",
                      "start only one"};
    co_await peer.send_error(error);
    co_return;
  }
  state_ = State::resting;
  co_await means_.recovered();
  Result<void> rest = co_await means_.dispatcher.come_to_rest(rest_limit);
  // From here to `keep` nothing else has its turn.
  auto keeper = std::make_unique<KeeperSocket>(
      loop_, means_.state_dir,
      [this](const std::string& key, StopKind kind) { means_.dispatcher.stop_job(key, kind); });
  if (rest) rest = keeper->open();
  if (!rest || !peer.is_there()) {
    means_.dispatcher.give_up_rest();
    state_ = State::idle;
    changed_.notify();
    co_await keeper->close();
    if (!rest) co_await peer.send_error(rest.error());
    co_return;
  }
  failpoint("H.rest");
  keeper_ = std::move(keeper);
  hold_what_runs();
  state_ = State::letting_go;
  means_.dispatcher.keep(*keeper_);
  means_.observers.clear();
  means_.observers.add(*keeper_);
  const nlohmann::json version = request.value("version", nlohmann::json());
  log::info("handing over to rbit " + (version.is_string() ? version.get<std::string>() : "?") +
            "; " + std::to_string(keeper_->held()) + " jobs run to their end here");
  failpoint("H.kept");
  co_await means_.let_go();
  failpoint("H.released");
  state_ = State::done;
  changed_.notify();
  co_await peer.send(ok);
  means_.answered();
}

/// Those that we began: what an earlier rbit keeps has its own keeper.
void HandOver::hold_what_runs() {
  for (const auto& [key, running] : means_.dispatcher.ledger().all_running())
    if (means_.records.has(RecordName::parse(running->record_dir).directory))
      keeper_->hold(running->job, running->record_dir);
}

Task<bool> HandOver::is_done() {
  while (state_ == State::resting || state_ == State::letting_go) co_await changed_.wait();
  if (state_ == State::idle) state_ = State::ending;
  co_return state_ == State::done;
}

Task<void> HandOver::close() {
  if (keeper_) co_await keeper_->close();
}

}  // namespace rbit
