#include "rbit/app/journal_access.h"

#include <boost/asio/io_context.hpp>
#include <functional>
#include <nlohmann/json.hpp>
#include <utility>

#include "rbit/app/brokers.h"
#include "rbit/app/control_client.h"
#include "rbit/app/control_handlers.h"
#include "rbit/app/job_list.h"
#include "rbit/app/job_story.h"
#include "rbit/app/journal_file.h"
#include "rbit/app/keeper_lines.h"

namespace rbit {

namespace {

using nlohmann::json;

[[noreturn]] void gave_no_answer() {
  throw Fatal(ExitCode::temporary,
              Error{"the running rbit", "gave no answer", "ask again; rbit status tells more"});
}

json ask_running(ControlClient& client, const json& request) {
  if (const auto sent = client.send(request); !sent) throw Fatal(ExitCode::internal, sent.error());
  constexpr std::chrono::seconds patience{60};  // a disk may be slow
  if (!client.wait_for(patience)) gave_no_answer();
  auto answer = client.receive();
  if (!answer) throw Fatal(ExitCode::failed, answer.error());
  if (!*answer) gave_no_answer();
  return std::move(**answer);
}

json ask_running(ControlClient& client, const json& request, const char* member) {
  json answer = ask_running(client, request);
  if (!answer.contains(member)) gave_no_answer();
  return std::move(answer[member]);
}

json ask_journal(const config::Settings& settings, const std::function<json(Database&)>& ask) {
  if (!has_journal(settings.state_dir))
    throw Fatal(ExitCode::failed, no_journal(settings.state_dir));
  const StateDir state = StateDir::open(settings.state_dir);
  asio::io_context loop;
  const auto database = open_journal_file(loop.get_executor(), state);
  return ask(*database);
}

/// Marks a job that would go on by itself if an rbit ran.
json marked_as_left(json job) {
  const json& state = job["state"];
  if (state == "waiting" || state == "running" || state == "blocked") job["rbit_runs"] = false;
  return job;
}

/// What rbit says of one job: `ask` is its word for it, `member` holds the answer; where no rbit
/// runs `read` reads it.
json ask_about(const config::Settings& settings, const std::string& name, const char* ask,
               const char* member, Result<json> (*read)(Database&, const std::string&)) {
  if (auto client = ControlClient::connect(StateDir::socket(settings.state_dir))) {
    json request;
    request["do"] = ask;
    request["job"] = name;
    return ask_running(*client, request, member);
  }
  return ask_journal(settings, [&](Database& database) {
    const auto broker = make_broker(settings);
    const auto key = find_job(database, *broker, settings, name);
    if (!key) throw Fatal(ExitCode::failed, key.error());
    auto found = read(database, *key);
    if (!found && found.error().reason == not_in_journal)
      if (const auto queued = find_queued(database, *broker, settings, *key))
        throw Fatal(ExitCode::failed, not_begun(*queued));
    if (!found) throw Fatal(ExitCode::failed, found.error());
    return marked_as_left(std::move(*found));
  });
}

}  // namespace

json ask_the_running(const config::Settings& settings, const json& request) {
  auto client = ControlClient::connect(StateDir::socket(settings.state_dir));
  const bool kept = !client && !keeper_sockets(settings.state_dir).empty();
  if (!client)
    throw Fatal(ExitCode::unavailable,
                Error{settings.state_dir,
                      kept ? "no rbit runs here but one that handed over, to its last jobs"
                           : "no rbit runs here",
                      "start it" + std::string(kept ? ", it goes on with them" : "") + ": rbit " +
                          settings.file});
  return ask_running(*client, request);
}

bool has_rbit(const config::Settings& settings) {
  return ControlClient::connect(StateDir::socket(settings.state_dir)).has_value();
}

json ask_for_jobs(const config::Settings& settings, const JobFilter& filter) {
  if (auto client = ControlClient::connect(StateDir::socket(settings.state_dir))) {
    json request = to_json(filter);
    request["do"] = "jobs";
    return ask_running(*client, request, "jobs");
  }
  const auto broker = make_broker(settings);
  return ask_journal(settings, [&](Database& database) {
    json jobs = list_jobs(database, *broker, settings, filter);
    for (auto& job : jobs) job = marked_as_left(std::move(job));
    return jobs;
  });
}

json ask_for_job(const config::Settings& settings, const std::string& name) {
  return ask_about(settings, name, "job", "job", describe_job);
}

json ask_for_story(const config::Settings& settings, const std::string& name) {
  return ask_about(settings, name, "explain", "story", job_story);
}

}  // namespace rbit
