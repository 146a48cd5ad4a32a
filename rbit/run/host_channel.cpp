#include "rbit/run/host_channel.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <csignal>
#include <optional>
#include <utility>

#include "rbit/base/names.h"
#include "rbit/base/notice.h"
#include "rbit/base/secrets.h"
#include "rbit/base/text.h"
#include "rbit/core/job_facts.h"
#include "rbit/log/log.h"
#include "rbit/run/outcome_of.h"
#include "rbit/run/pipe_reader.h"

namespace rbit {

namespace {

using Socket = asio::local::stream_protocol::socket;

constexpr auto ready_limit = std::chrono::seconds(30);  // imports on a busy machine take their time
constexpr auto close_grace = std::chrono::seconds(2);
constexpr std::size_t early_output_kept = 4096;  // of what it says before its first job

}  // namespace

std::vector<std::string> words_of_leftovers(std::uint32_t left) {
  static constexpr Named<std::uint32_t> table[] = {
      {wire::left_thread, "left a thread"},
      {wire::left_child, "left a child process"},
      {wire::left_timer, "left a timer"},
      {wire::left_descriptor, "left a descriptor open"},
      {wire::lost_descriptor, "changed its descriptors"},
      {wire::changed_umask, "changed its umask"},
      {wire::changed_signals, "changed its signal handlers"},
      {wire::changed_limits, "changed its limits"},
      {wire::changed_place, "changed its directory"},
      {wire::changed_rights, "changed its user or its rights"},
      {wire::changed_priority, "changed its priority"},
      {wire::changed_namespaces, "changed its namespaces"},
      {wire::left_locked_memory, "left memory locked"},
      {wire::is_hidden, "does not let itself be looked at"},
  };
  std::vector<std::string> words;
  for (const auto& [bit, word] : table)
    if ((left & bit) != 0) words.emplace_back(word);
  return words;
}

std::string leftovers_text(const std::vector<std::string>& words) {
  std::vector<std::string> once;
  for (const std::string& word : words)
    if (std::find(once.begin(), once.end(), word) == once.end()) once.push_back(word);
  std::string text;
  for (std::size_t i = 0; i < once.size(); ++i) {
    if (i > 0) text += i + 1 == once.size() ? " and " : ", ";
    text += once[i];
  }
  return text;
}

struct HostChannel::State : std::enable_shared_from_this<HostChannel::State> {
  State(const asio::any_io_executor& executor, LeaderLease lease, Fd line_end,
        const RunnerPolicy& of)
      : loop(executor),
        leader(std::move(lease)),
        input(executor, asio::local::stream_protocol(), line_end.release()),
        changed(executor),
        policy(of),
        events(
            Speaker::host, [this](JobEvent event) { on_event(std::move(event)); },
            [this](const std::string& why) {
              if (attempt) attempt->on_nonsense(why);
            }) {}

  asio::any_io_executor loop;
  LeaderLease leader;
  Socket input;
  Notice changed;
  const RunnerPolicy& policy;
  EventReader events;
  std::unique_ptr<PipeReader> output_pipe, event_pipe;

  Attempt* attempt = nullptr;                        // of the job it does now
  std::optional<boost::system::error_code> written;  // what became of its line
  std::optional<StopCause> cause_at_result;
  std::string early_output;
  bool is_ready = false, opens = false;
  std::optional<Error> refusal;
  std::optional<JobEnd> end;
  HostPast past;
  bool has_opened = false, is_noted_again = false;  // see `note_what_it_opened`

  void on_output(std::string_view bytes) {
    if (attempt) return attempt->on_output(bytes);
    early_output += bytes;
    if (early_output.size() > early_output_kept)
      early_output.erase(0, early_output.size() - early_output_kept);
  }
  void on_event(JobEvent event) {
    if (std::get_if<ReadyEvent>(&event)) is_ready = true;
    if (auto* refused = std::get_if<RefusedEvent>(&event))
      refusal = Error{"", std::move(refused->reason), std::move(refused->cure)};
    if (opens && std::get_if<OpenedEvent>(&event)) has_opened = true;
    if (auto* stale = std::get_if<StaleEvent>(&event))
      past.stale_file = text::one_line(stale->file, 300);
    if (std::get_if<ResultEvent>(&event) && attempt && !cause_at_result)
      cause_at_result = attempt->cause();
    if (attempt) attempt->on_event(std::move(event));
    changed.notify();
  }
  static Task<void> watch_end(std::shared_ptr<State> self) {
    self->end = co_await self->leader->ended();
    self->changed.notify();
  }
  /// What a plugin makes once, in its first job, is there for all of them and no leftover; so is
  /// what a Python function keeps in its context. The host waits for our word meanwhile.
  static Task<void> note_what_it_opened(std::shared_ptr<State> self) {
    self->is_noted_again = true;
    const auto noted = co_await self->leader->note();
    if (noted) self->send("{\"noted\":true}\n");
  }
  /// What of the job is left in the living host, by its own word and by that of its leader.
  void look_for_leftovers(const JobEnd& used) {
    std::vector<std::string> words = words_of_leftovers(used.left);
    if (used.outlived > 0) words.emplace_back("left a child process");
    if (const auto& result = attempt->result()) {
      if (result->left_open > 0) words.emplace_back("left a descriptor open");
      words.insert(words.end(), result->left.begin(), result->left.end());
    }
    past.leftovers = leftovers_text(words);
    if (past.leftovers.empty()) return;
    attempt->note("the job " + past.leftovers + ": its host does no other one");
  }
  void send(std::string line) {
    written.reset();
    auto text = std::make_shared<const std::string>(std::move(line));
    asio::async_write(
        input, asio::buffer(*text),
        [text, self = shared_from_this()](boost::system::error_code error, std::size_t) {
          self->written = error;
          self->changed.notify();
        });
  }
  /// Returns whether a host that has died had read the whole line. If not, nothing of the job ran.
  bool has_read_line() {
    if (*written) return false;
    char byte = 0;
    // The kernel's word for "it was closed with something unread".
    return ::recv(input.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 ||
           errno != ECONNRESET;
  }
  void hang_up() {
    boost::system::error_code ignored;
    input.close(ignored);
  }
  /// REQUIRES: there is a result, a cause or an end.
  Outcome verdict(const Attempt& of) const {
    const StopCause cause = cause_at_result ? *cause_at_result : of.cause();
    if (cause != StopCause::none) return outcome_of(cause, policy);
    if (of.result()) return outcome_of(*of.result());
    Outcome ended = outcome_of(*end, policy);
    if (end->kind == JobEnd::Kind::not_started || ended.reason == "memory") return ended;
    return make_outcome(Outcome::Kind::crashed, "plugin-crash",
                        "its host ended without a result: " + to_string(*end));
  }
  std::string last_early_line() const {
    std::string last;
    // Before it is taken apart: a secret may go over the end of a line.
    const auto missing = early_output.size() < early_output_kept ? secrets::Missing::nothing
                                                                 : secrets::Missing::beginning;
    for (const auto& line : text::split(secrets::redacted(early_output, missing), '\n'))
      if (!text::trim(line).empty()) last = text::one_line(text::trim(line), 300);
    return last;
  }
};

Result<std::unique_ptr<HostChannel>> HostChannel::start(const asio::any_io_executor& loop,
                                                        LeaderPool& leaders, JobOrder order,
                                                        bool opens, const RunnerPolicy& policy) {
  // A socket and not a pipe: writing to a dead host gives an error and no SIGPIPE.
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    return Error::of_system("socketpair", errno);
  Fd ours(ends[0]), theirs(ends[1]);
  auto output = make_pipe(order.account);
  if (!output) return output.error();
  auto events = make_pipe(order.account);
  if (!events) return events.error();
  auto leader = leaders.acquire();
  if (!leader) return leader.error();

  order.directory = "/";
  order.stdin_fd = std::move(theirs);
  order.output_fd = std::move(output->second);
  order.events_fd = std::move(events->second);
  order.is_host = true;
  if (auto started = (*leader)->run(std::move(order)); !started) return started.error();

  auto state = std::make_shared<State>(loop, std::move(*leader), std::move(ours), policy);
  state->opens = opens;
  State* const self = state.get();  // owns the readers: they end with it
  state->output_pipe = std::make_unique<PipeReader>(
      loop, std::move(output->first), [self](std::string_view bytes) { self->on_output(bytes); });
  state->event_pipe =
      std::make_unique<PipeReader>(loop, std::move(events->first), [self](std::string_view bytes) {
        if (self->attempt) self->attempt->on_event_bytes(bytes.size());
        self->events.feed(bytes);
      });
  spawn(loop, State::watch_end(state), "host");
  return std::unique_ptr<HostChannel>(new HostChannel(std::move(state)));
}

HostChannel::HostChannel(std::shared_ptr<State> state) : state_(std::move(state)) {}

HostChannel::~HostChannel() {
  state_->attempt = nullptr;
  state_->hang_up();
  // The leader ends what is left; `watch_end` holds the state until then.
  if (!state_->end) state_->leader->stop(StopCause::interrupt, SIGTERM, close_grace);
}

Task<Result<void>> HostChannel::ready() {
  const auto state = state_;
  const auto limit = std::chrono::steady_clock::now() + ready_limit;
  while (!state->is_ready && !state->refusal && !state->end) {
    const auto now = std::chrono::steady_clock::now();
    if (now >= limit) co_return Error{"", "its host was not ready after 30 s", ""};
    co_await state->changed.wait_for(limit - now);
  }
  // How it stands without a job, which each of them has to leave so.
  if (state->is_ready && !state->end) {
    const auto noted = co_await state->leader->note();
    while (!noted && !state->end) co_await state->changed.wait();
  }
  if (state->end) {  // it may have said why just before
    co_await state->event_pipe->drain();
    co_await state->output_pipe->drain();
  }
  if (state->refusal) co_return *state->refusal;
  if (state->is_ready && !state->end) co_return Result<void>();
  std::string why = "its host ended before it was ready, with " + to_string(*state->end);
  if (const std::string line = state->last_early_line(); !line.empty()) why += ": " + line;
  Error ended{"", why, ""};
  ended.number = shortage_of(*state->end, state->policy);
  co_return ended;
}

Task<Outcome> HostChannel::run_job(Attempt& attempt, HostJob job, std::string record) {
  const auto state = state_;
  state->attempt = &attempt;
  state->cause_at_result.reset();
  state->past.took_job = true;
  state->events.expect(std::move(job.token));
  ++state->past.jobs;
  if (!state->early_output.empty()) attempt.on_output(std::exchange(state->early_output, {}));
  if (auto attached = state->leader->attach(attempt.job(), record, state->policy.signal_of_stop(),
                                            state->policy.grace);
      !attached)
    log::debug("a host's record: " + attached.error().text(), facts_of(attempt.job()));
  state->send(std::move(job.line));
  attempt.begin([state](StopCause cause, int signal, std::chrono::milliseconds grace) {
    state->leader->stop(cause, signal, grace);
  });
  while (!attempt.result() && !state->end && state->past.stale_file.empty()) {
    if (state->has_opened && !state->is_noted_again) co_await State::note_what_it_opened(state);
    if (attempt.result() || state->end || !state->past.stale_file.empty()) break;
    co_await state->changed.wait();
  }
  attempt.over();

  JobEnd used;
  if (!state->end) {
    const auto left = co_await state->leader->release();
    if (left) {
      used = *left;
      state->look_for_leftovers(used);
      // A thread of it could go on in the next job's directory, or while artifacts are collected.
      if (!state->past.leftovers.empty()) state->leader->stop(StopCause::interrupt, SIGKILL, {});
    }
    // `release` fails where the host ends just now; then the end is on its way.
    while (!state->end && (!left || !state->past.leftovers.empty())) co_await state->changed.wait();
  }
  const bool was_replaced = !state->past.leftovers.empty();
  if (state->end && !was_replaced) {
    used = *state->end;
    while (!state->written) co_await state->changed.wait();  // nobody holds its end any more
    state->past.took_job = state->has_opened || state->has_read_line();
    co_await state->output_pipe->drain();
    co_await state->event_pipe->drain();
    state->events.end();
  } else {
    state->output_pipe->read_now();
    state->event_pipe->read_now();  // what came after the result is not the next job's
    state->events.end();
  }
  state->attempt = nullptr;
  state->events.expect({});
  if (!state->past.stale_file.empty()) {
    state->past.took_job = false;
    co_return make_outcome(Outcome::Kind::crashed, "plugin-crash",
                           state->past.stale_file + " changes faster than a host can load it");
  }
  attempt.note_end(used);
  Outcome outcome = state->verdict(attempt);
  note_use(outcome, used);
  co_return outcome;
}

const HostPast& HostChannel::past() const {
  return state_->past;
}

bool HostChannel::is_fit() const {
  return !state_->end && !state_->leader->has_ended() && state_->past.leftovers.empty() &&
         state_->past.stale_file.empty();
}

void HostChannel::kill() {
  state_->leader->stop(StopCause::interrupt, SIGKILL, {});
}

Task<void> HostChannel::close() {
  const auto state = state_;
  state->hang_up();  // end of file: it ends by itself
  const auto limit = std::chrono::steady_clock::now() + close_grace;
  while (!state->end && std::chrono::steady_clock::now() < limit)
    co_await state->changed.wait_for(limit - std::chrono::steady_clock::now());
  if (state->end) co_return;
  state->leader->stop(StopCause::interrupt, SIGTERM, close_grace);
  while (!state->end) co_await state->changed.wait();
}

}  // namespace rbit
