#include "rbit/app/journal_access.h"

#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <functional>
#include <nlohmann/json.hpp>
#include <utility>

#include "rbit/app/control_client.h"
#include "rbit/app/control_handlers.h"
#include "rbit/app/job_story.h"
#include "rbit/app/state_dir.h"
#include "rbit/journal/schema.h"

namespace rbit {

namespace {

using nlohmann::json;

json ask_running(ControlClient& client, const json& request, const char* member) {
  if (const auto sent = client.send(request); !sent) throw Fatal(ExitCode::internal, sent.error());
  auto answer = client.receive();
  if (!answer) throw Fatal(ExitCode::failed, answer.error());
  if (!*answer || !(*answer)->contains(member))
    throw Fatal(ExitCode::temporary, Error{"the running rbit", "gave no answer", "ask again"});
  return (**answer)[member];
}

json ask_journal(const config::Settings& settings, const std::function<json(Database&)>& ask) {
  if (::access((settings.state_dir + "/rbit.db").c_str(), F_OK) != 0)
    throw Fatal(ExitCode::failed, Error{settings.state_dir, "has no journal yet",
                                        "no rbit ever ran with this configuration"});
  const StateDir state = StateDir::open(settings.state_dir);
  asio::io_context loop;
  auto database = Database::open(loop.get_executor(), state.database());
  if (!database) throw Fatal(StateDir::code_of_failure(state.path()), database.error());
  if (const auto upgraded = schema::upgrade(**database); !upgraded)
    throw Fatal(StateDir::code_of_failure(state.path()), upgraded.error());
  return ask(**database);
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
    auto found = read(database, name);
    if (!found) throw Fatal(ExitCode::failed, found.error());
    return marked_as_left(std::move(*found));
  });
}

}  // namespace

json ask_for_jobs(const config::Settings& settings, int limit) {
  if (auto client = ControlClient::connect(StateDir::socket(settings.state_dir))) {
    json request;
    request["do"] = "jobs";
    request["limit"] = limit;
    return ask_running(*client, request, "jobs");
  }
  return ask_journal(settings, [&](Database& database) {
    json jobs = describe_jobs(database, limit);
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
