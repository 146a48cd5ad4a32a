#include "rbit/run/job_environment.h"

#include <doctest/doctest.h>

#include <algorithm>

namespace rbit {

namespace {

Job sample() {
  Job job;
  job.queue = "any_any_latex_pdf";
  job.runner = "pdf";
  job.attempt = 2;
  job.redelivered = true;
  job.timestamp = 1367322533;
  job.request = {"36",  "m9000", "1.1",         "any", "latex",   "cnx",        "pdf",
                 "env", "git",   "https://x/y", "abc", "host:80", "echo $(id)", true};
  return job;
}

bool has(const JobEnvironment& environment, const std::string& variable) {
  const auto& all = environment.variables;
  return std::find(all.begin(), all.end(), variable) != all.end();
}

std::vector<std::string> left_out(const JobEnvironment& environment) {
  std::vector<std::string> names;
  for (const auto& one : environment.left_out) names.push_back(one.name);
  return names;
}

std::string value(const JobEnvironment& environment, const std::string& name) {
  for (const std::string& variable : environment.variables)
    if (variable.starts_with(name + "=")) return variable.substr(name.size() + 1);
  return "(unset)";
}

Job json_job(std::string body) {
  Job job;
  job.key = "k1";
  job.queue = "work";
  job.kind = MessageKind::json;
  job.body = std::move(body);
  return job;
}

using Of = MessageFact::Of;
using Names = std::vector<std::string>;

std::size_t total(const JobEnvironment& environment) {
  std::size_t sum = 0;
  for (const auto& variable : environment.variables) sum += variable.size() + 1;
  return sum;
}

}  // namespace

TEST_CASE("a job finds its fields and its section in the environment") {
  const auto environment =
      job_environment(sample(), {{"oer.exports-dir", "/srv/a b"}, {"runner", "shell!x"}},
                      {"/w/work", "/w/message", "/out"});
  for (const std::string variable : {"RBIT_PACKAGE=m9000",
                                     "RBIT_VERSION=1.1",
                                     "RBIT_ARCH=any",
                                     "RBIT_SUITE=latex",
                                     "RBIT_DIST=cnx",
                                     "RBIT_FORMAT=pdf",
                                     "RBIT_BUILD_ENV=env",
                                     "RBIT_METHOD=git",
                                     "RBIT_URI=https://x/y",
                                     "RBIT_VCS_ID=abc",
                                     "RBIT_JOB_ID=36",
                                     "RBIT_TIMESTAMP=1367322533",
                                     "RBIT_QUEUE=any_any_latex_pdf",
                                     "RBIT_RUNNER=pdf",
                                     "RBIT_ATTEMPT=2",
                                     "RBIT_REDELIVERED=1",
                                     "RBIT_MASTER=1",
                                     "RBIT_COMMANDS=echo $(id)",
                                     "RBIT_MESSAGE_FILE=/w/message",
                                     "RBIT_WORK_DIR=/w/work",
                                     "RBIT_OUTPUT_DIR=/out",
                                     "RBIT_SETTING_OER_EXPORTS_DIR=/srv/a b"}) {
    CHECK_MESSAGE(has(environment, variable), variable);
  }
  CHECK(value(environment, "RBIT_SETTING_RUNNER") == "(unset)");  // the line that runs it
  CHECK(environment.left_out.empty());
}

TEST_CASE("what is missing in a message is empty, not unset") {
  const auto environment = job_environment(Job(), {}, {});
  CHECK(has(environment, "RBIT_VCS_ID="));
  CHECK(has(environment, "RBIT_COMMANDS="));
  CHECK(has(environment, "RBIT_MASTER=0"));
  CHECK(has(environment, "RBIT_REDELIVERED=0"));
}

TEST_CASE("a long message cannot make the environment too large") {
  Job job = sample();
  job.request.commands = std::string(1 << 20, 'x');
  auto environment = job_environment(job, {}, {});
  CHECK(left_out(environment) == Names{"RBIT_COMMANDS"});
  CHECK(has(environment, "RBIT_PACKAGE=m9000"));

  job.request.uri = std::string(60'000, 'x');
  job.request.vcs_id = std::string(60'000, 'x');
  environment = job_environment(job, {{"key", std::string(1000, 'x')}}, {});
  CHECK(left_out(environment) == Names{"RBIT_VCS_ID", "RBIT_COMMANDS"});
  CHECK(total(environment) < job_environment_limit);
}

TEST_CASE("the environment's limit: what just fits, and one byte more") {
  Job job = sample();
  job.request.commands.clear();
  job.head.headers["x"] = "y";
  const std::size_t all = job_environment_limit - 1 - longest_left_out;
  const std::size_t room = all - total(job_environment(job, {}, {}));
  job.request.commands = std::string(room, 'x');
  auto environment = job_environment(job, {}, {});
  CHECK(environment.left_out.empty());
  CHECK(total(environment) == all);
  job.request.commands += 'x';
  environment = job_environment(job, {}, {});
  CHECK(left_out(environment) == Names{"RBIT_HEADER_X"});  // the last of all
  CHECK(value(environment, "RBIT_HEADER_X") == "");
  CHECK(value(environment, "RBIT_LEFT_OUT") == "RBIT_HEADER_X");
  CHECK(total(environment) < job_environment_limit);
}

TEST_CASE("a value with a NUL is left out, not cut short") {
  Job job = sample();
  job.request.package = std::string("a\0b", 3);
  const auto environment = job_environment(job, {}, {});
  CHECK(left_out(environment) == Names{"RBIT_PACKAGE"});
  CHECK(environment.left_out[0].why == "has a NUL in it");
  CHECK(value(environment, "RBIT_PACKAGE") == "");
  CHECK(value(environment, "RBIT_LEFT_OUT") == "RBIT_PACKAGE");
  CHECK(value(job_environment(sample(), {}, {}), "RBIT_LEFT_OUT") == "(unset)");
}

TEST_CASE("every kind of job finds what its message came with") {
  for (const MessageKind kind : {MessageKind::pybit, MessageKind::json, MessageKind::raw}) {
    Job job = json_job("{}");
    job.kind = kind;
    job.head.exchange = "orders";
    job.head.routing_key = "order.new";
    job.head.correlation_id = "c1";
    job.head.reply_to = "answers";
    job.head.content_type = "application/json";
    job.head.type = "order";
    job.head.message_id = "m1";
    job.head.app_id = "shop";
    job.head.priority = 7;
    job.head.timestamp = 1367322533;
    job.head.headers = {{"x-kind", std::string("a b")},
                        {"n", std::int64_t{-3}},
                        {"half", 0.5},
                        {"yes", true},
                        {"", std::string("no name")}};
    const auto environment = job_environment(job, {}, {});
    for (const std::string variable :
         {"RBIT_KEY=k1", "RBIT_QUEUE=work", "RBIT_ROUTING_KEY=order.new", "RBIT_EXCHANGE=orders",
          "RBIT_CORRELATION_ID=c1", "RBIT_REPLY_TO=answers", "RBIT_CONTENT_TYPE=application/json",
          "RBIT_TYPE=order", "RBIT_MESSAGE_ID=m1", "RBIT_APP_ID=shop", "RBIT_PRIORITY=7",
          "RBIT_MESSAGE_TIMESTAMP=1367322533", "RBIT_HEADER_X_KIND=a b", "RBIT_HEADER_N=-3",
          "RBIT_HEADER_HALF=0.5", "RBIT_HEADER_YES=true", "RBIT_HEADER_=no name"})
      CHECK_MESSAGE(has(environment, variable), variable);
    CHECK(value(environment, "RBIT_MESSAGE_KIND") == to_string(kind));
    // A build request's are of build requests alone; when the attempt began is of all.
    CHECK((value(environment, "RBIT_PACKAGE") == "(unset)") == (kind != MessageKind::pybit));
    CHECK(value(environment, "RBIT_TIMESTAMP") == "0");
  }
  Job job = json_job("{}");
  job.head.routing_key = "forged";
  CHECK(value(job_environment(job, {}, {}), "RBIT_ROUTING_KEY") == "work");  // by no exchange
}

TEST_CASE("the scalars of a top-level object are variables of a json job") {
  const Job job = json_job(
      R"({"order": 17, "Ship-To": "a\nb", "price": 1.5, "paid": false, "note": null,
          "items": [1], "more": {"a": 1}, "ü": "u", "big": 18446744073709551615})");
  const auto environment = job_environment(job, {}, {});
  for (const std::string variable :
       {"RBIT_BODY_ORDER=17", "RBIT_BODY_SHIP_TO=a\nb", "RBIT_BODY_PRICE=1.5",
        "RBIT_BODY_PAID=false", "RBIT_BODY_NOTE=", "RBIT_BODY___=u",
        "RBIT_BODY_BIG=18446744073709551615"})
    CHECK_MESSAGE(has(environment, variable), variable);
  CHECK(value(environment, "RBIT_BODY_ITEMS") == "(unset)");
  CHECK(value(environment, "RBIT_BODY_MORE") == "(unset)");
  for (const char* body : {"[1]", "17", R"("order")", "null", "not JSON", ""}) {
    const auto none = job_environment(json_job(body), {}, {});
    for (const std::string& one : none.variables) CHECK_FALSE(one.starts_with("RBIT_BODY_"));
    CHECK(none.left_out.empty());
  }
  Job raw = json_job(R"({"order": 17})");
  raw.kind = MessageKind::raw;
  CHECK(value(job_environment(raw, {}, {}), "RBIT_BODY_ORDER") == "(unset)");
}

TEST_CASE("of two that give one name the first in byte order counts") {
  Job job = json_job(R"({"a_b": 3, "a-b": 2, "A b": 1})");
  job.head.headers = {{"x_y", std::string("second")}, {"x-y", std::string("first")}};
  const auto environment = job_environment(job, {}, {});
  CHECK(value(environment, "RBIT_BODY_A_B") == "1");
  CHECK(value(environment, "RBIT_HEADER_X_Y") == "first");
  CHECK(std::count_if(environment.variables.begin(), environment.variables.end(),
                      [](const auto& one) { return one.starts_with("RBIT_BODY_A_B="); }) == 1);
}

TEST_CASE("a line's facts have variables with names that no message chooses") {
  Job job = json_job(R"({"a": {"b": "x y", "list": [1, {"c": null}]}, "n": null})");
  job.head.headers["x-kind"] = std::string("$(id)");
  const std::vector<MessageFact> facts{
      {Of::member, "/a/b", false, "%{/a/b}"},   {Of::member, "/a/list", false, "%{/a/list}"},
      {Of::member, "/none", false, "%{/none}"}, {Of::header, "x-kind", true, "%{header:x-kind!}"},
      {Of::member, "/n", true, "%{/n!}"},       {Of::header, "none", true, "%{header:none!}"}};
  const auto environment = job_environment(job, {}, {}, facts);
  CHECK(value(environment, "RBIT_FACT_1") == "x y");
  CHECK(value(environment, "RBIT_FACT_2") == R"([1,{"c":null}])");
  CHECK(value(environment, "RBIT_FACT_3") == "");
  CHECK(value(environment, "RBIT_FACT_4") == "$(id)");
  CHECK(left_out(environment) == Names{"RBIT_FACT_5", "RBIT_FACT_6"});
  CHECK(environment.left_out[0].why == "is missing");
  CHECK(value(environment, "RBIT_LEFT_OUT") == "RBIT_FACT_5 RBIT_FACT_6");
}

TEST_CASE("no message can crowd out what the configuration says, or what its line needs") {
  Job job = json_job("");
  std::string body = R"({"need": "here")";
  for (int i = 0; i < 3000; ++i)
    body += ",\"m" + std::to_string(i) + "\":\"" + std::string(100, 'v') + "\"";
  job.body = body + "}";
  for (int i = 0; i < 3000; ++i) job.head.headers["h" + std::to_string(i)] = std::string(100, 'v');
  job.head.headers[std::string(200, 'h')] = std::string("x");
  job.head.correlation_id = std::string(70'000, 'c');
  const auto environment =
      job_environment(job, {{"key", std::string(1000, 's')}}, {"/w", "/m", "/o"},
                      {{Of::member, "/need", true, "%{/need!}"}});
  CHECK(total(environment) < job_environment_limit);
  CHECK(value(environment, "RBIT_SETTING_KEY").size() == 1000);
  CHECK(value(environment, "RBIT_FACT_1") == "here");
  CHECK(value(environment, "RBIT_CORRELATION_ID") == "");
  const auto named = [&](const std::string& prefix) {
    return std::count_if(environment.variables.begin(), environment.variables.end(),
                         [&](const auto& one) { return one.starts_with(prefix); });
  };
  CHECK(named("RBIT_HEADER_") == most_fact_variables);
  CHECK(named("RBIT_BODY_") == most_fact_variables);
  for (const std::string& one : environment.variables)
    CHECK(one.find('=') <= longest_fact_variable);
  const std::string names = value(environment, "RBIT_LEFT_OUT");
  CHECK(names == "RBIT_CORRELATION_ID ...");
}

TEST_CASE("RBIT_LEFT_OUT is bounded itself") {
  Job job = json_job("");
  std::string body = R"({"first": "\u0000")";
  for (int i = 0; i < 190; ++i) body += ",\"member" + std::to_string(i) + R"(":"\u0000")";
  job.body = body + "}";
  const auto environment = job_environment(job, {}, {});
  CHECK(environment.left_out.size() == 191);
  const std::string names = value(environment, "RBIT_LEFT_OUT");
  CHECK(names.starts_with("RBIT_BODY_FIRST RBIT_BODY_MEMBER0 "));
  CHECK(names.ends_with(" ..."));
  CHECK(std::string("RBIT_LEFT_OUT=").size() + names.size() + 1 <= longest_left_out);
  CHECK(value(environment, "RBIT_BODY_MEMBER189") == "");
}

}  // namespace rbit
