#include "rbit/run/hosted_runner.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "rbit/base/base64.h"
#include "rbit/base/json_text.h"
#include "rbit/base/random.h"
#include "rbit/base/text.h"
#include "rbit/base/trusted_path.h"
#include "rbit/core/job_facts.h"
#include "rbit/core/job_field.h"
#include "rbit/core/message_fact.h"
#include "rbit/log/log.h"
#include "rbit/run/outcome_of.h"
#include "rbit/run/record_slots.h"

namespace rbit {

namespace {

constexpr int most_stale_hosts = 20;  // before one job; there may be as many idle ones
constexpr std::size_t most_said = 100;

using json::ObjectText;

/// What a publisher says of a message, by AMQP's names; what he does not say is left out.
void append_properties(std::string& out, const MessageHead& head) {
  ObjectText properties(out);
  for (const auto& [name, member] : property_texts)
    if (const std::string& text = head.*member; !text.empty()) properties.text(name, text);
  if (head.timestamp) properties.number("timestamp", static_cast<std::int64_t>(*head.timestamp));
  if (head.priority) properties.number("priority", *head.priority);
  properties.number("delivery_mode", head.persistent ? 2 : 1);
}

void append_headers(std::string& out, const MessageHead& head) {
  ObjectText headers(out);
  for (const auto& [name, value] : head.headers) {
    const nlohmann::json one =
        std::visit([](const auto& its) { return nlohmann::json(its); }, value);
    headers.member(name) += one.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }
}

void append_texts(std::string& out, const std::map<std::string, std::string>& texts) {
  ObjectText object(out);
  for (const auto& [name, value] : texts) object.text(name, value);
}

}  // namespace

HostedRunner::HostedRunner(const asio::any_io_executor& loop, std::vector<std::string> argv,
                           std::string what, std::string section, RunnerPolicy policy,
                           const RunPlace& place, LeaderPool& leaders)
    : LocalRunner(loop, std::move(policy), place, leaders),
      argv_(std::move(argv)),
      what_(std::move(what)),
      section_(std::move(section)),
      changed_(loop) {}

Task<Result<void>> HostedRunner::prepare() {
  if (auto ready = find_site(); !ready) co_return ready;
  if (auto safe = check_interpreter(); !safe) co_return safe;
  auto host = take_idle();
  if (!host) {
    auto started = co_await start_host();
    if (!started && closing_) co_return Result<void>();  // cut short: nothing is known against it
    if (!started) co_return started.error();
    host = std::move(*started);
  }
  idle_.push_back(std::move(host));
  co_return Result<void>();
}

/// rbit's own programs are no business of the configuration.
Result<void> HostedRunner::check_interpreter() const {
  const std::string& program = argv_.front();
  if (!runs_as_root() || program != place_.python_program) return {};
  const Result<void> safe = check_code_file(program);
  if (safe) return safe;
  // Which part of the path it is about is worth knowing; which key led there, too.
  Error why = safe.error();
  if (why.thing != program) why.reason = why.thing + ": " + why.reason;
  why.thing = "the interpreter " + program;
  if (why.cure.empty()) why.cure = "install it, or name another one in [rbit] python";
  return why;
}

Task<Result<std::unique_ptr<HostChannel>>> HostedRunner::start_host(StopRequest* stop) {
  using Started = Result<std::unique_ptr<HostChannel>>;
  if (closing_) co_return Error{what_, "is being closed", ""};
  JobOrder order = order_for("a host without a job");
  order.argv = argv_;
  order.environment = environment();
  order.environment.push_back("RBIT_CONFIG_DIR=" + place_.config_dir);
  set_default(order.environment, "HOME", "/");  // until a job brings one
  // Functions of build requests have no context to keep something in.
  const bool opens =
      argv_.front() == place_.plugin_host_program ||
      (argv_.front() == place_.python_program && policy_.message != MessageKind::pybit);
  Started host = HostChannel::start(loop_, leaders_, std::move(order), opens, policy_);
  if (!host) co_return host;
  const auto entry = starting_.insert(host->get()).first;
  HostChannel* const channel = host->get();
  if (stop) stop->listen([channel](StopKind) { channel->kill(); });
  Result<void> ready = co_await channel->ready();
  if (stop) stop->listen(nullptr);
  starting_.erase(entry);
  // `close` looks again once our caller has put the host where it belongs: it is only posted.
  changed_.notify();
  if (ready) co_return host;
  retire(std::move(*host));
  Error why = ready.error();
  why.thing = what_;
  co_return why;
}

std::unique_ptr<HostChannel> HostedRunner::take_idle() {
  while (!idle_.empty()) {
    auto host = std::move(idle_.back());
    idle_.pop_back();
    if (host->is_fit()) return host;
    retire(std::move(host));
  }
  return nullptr;
}

/// The next job need not wait until it has ended.
void HostedRunner::retire(std::unique_ptr<HostChannel> host) {
  ++retiring_;
  spawn(loop_, retire_quietly(std::move(host)), "end of a host");
}

Task<void> HostedRunner::retire_quietly(std::unique_ptr<HostChannel> host) {
  co_await host->close();
  host.reset();
  --retiring_;
  changed_.notify();
}

Task<Outcome> HostedRunner::run_in(const Workspace& workspace, const Job& job, RunContext& context,
                                   Attempt& attempt) {
  Outcome outcome;
  int stale = 0;
  for (bool taken = false; !taken;) {
    auto host = take_idle();
    const bool fresh = host == nullptr;
    if (fresh) {
      auto started = co_await start_host(&context.stop);
      if (auto ended = attempt.ended_before_it_began()) {  // asked for while the host started
        if (started) idle_.push_back(std::move(*started));
        co_return *ended;
      }
      if (!started) co_return not_started(started.error());
      host = std::move(*started);
    }
    HostJob order = host_job(job, context, workspace);
    outcome = co_await host->run_job(attempt, std::move(order), context.record_dir);
    say_why_replaced(*host, job);
    if (!host->is_fit()) workspace.spoil();  // it may write there until it is gone
    const bool is_stale = !host->past().stale_file.empty();
    // A warm host may have died of something else a moment ago.
    taken = is_stale ? ++stale > most_stale_hosts
                     : fresh || host->past().took_job || outcome.kind != Outcome::Kind::crashed;
    if (!taken && !is_stale)
      log::warning(what_ + ": a warm host died; another one takes its job", facts_of(job));
    if (host->is_fit() && host->past().jobs < policy_.keep_warm)
      idle_.push_back(std::move(host));
    else
      retire(std::move(host));
  }

  co_await complete(outcome, workspace, job, attempt);
  co_return outcome;
}

/// What a job leaves in its host it would leave in every one: said once.
void HostedRunner::say_why_replaced(const HostChannel& host, const Job& job) {
  const std::string who = "[" + section_ + "] ";
  if (const std::string& file = host.past().stale_file; !file.empty())
    log::info(who + file + " is another file by now: its host was replaced");
  const std::string& left = host.past().leftovers;
  if (left.empty()) return;
  const std::string line = who + left + ": its host was replaced";
  if (said_.size() < most_said && said_.insert(left).second)
    log::warning(line, facts_of(job));
  else
    log::debug(line, facts_of(job));
}

HostJob HostedRunner::host_job(const Job& job, const RunContext& context,
                               const Workspace& workspace) {
  if (!gives_home_) gives_home_ = !account().home.empty() || has_variable(environment(), "HOME");
  const RecordName record = RecordName::parse(context.record_dir);
  const std::string& body = job.body.bytes();
  HostJob host_job;
  host_job.token = random_uuid();
  std::string& line = host_job.line;
  line.reserve(2048 + body.size() + body.size() / 8);
  line = "{\"job\":";
  {
    ObjectText order(line);
    order.text("id", job.key);
    order.text("queue", job.queue);
    order.text("runner", job.runner);
    order.number("attempt", job.attempt);
    order.truth("redelivered", job.redelivered);
    order.text("kind", to_string(job.kind));
    order.text("exchange", job.head.exchange);
    order.text("routing_key", routing_key_of(job.head, job.queue));
    append_properties(order.member("properties"), job.head);
    append_headers(order.member("headers"), job.head);
    order.number("timestamp", job.timestamp);
    order.text("work_dir", workspace.path());
    order.text("tmp_dir", workspace.tmp_dir());
    order.text("home_dir", *gives_home_ ? std::string() : workspace.path());
    order.text("output_dir", output_dir(job));
    // Another user cannot reach it; then a crash of rbit at the wrong moment costs one more run.
    order.text("record_file", other_account() ? std::string() : record.file());
    order.number("record_serial", static_cast<std::int64_t>(record.serial));
    {
      ObjectText fields(order.member("fields"));
      for (const JobField& field : job_fields) fields.text(field.name, field.value(job));
    }
    auto its_settings = settings(job);
    for (const auto& [name, value] : context.facts) its_settings.insert_or_assign(name, value);
    append_texts(order.member("settings"), its_settings);
    if (text::is_utf8(body))
      order.text("payload", body);
    else
      order.text("payload_base64", base64::encoded(body));
    order.text("token", host_job.token);
  }
  line += "}\n";
  return host_job;
}

Task<void> HostedRunner::close() {
  closing_ = true;
  for (;;) {
    for (HostChannel* host : starting_) host->kill();  // it has no job that could be hurt
    for (auto& host : std::exchange(idle_, {})) retire(std::move(host));
    if (starting_.empty() && retiring_ == 0) break;
    co_await changed_.wait();
  }
  closing_ = false;
}

}  // namespace rbit
