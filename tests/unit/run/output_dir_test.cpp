#include "rbit/run/output_dir.h"

#include <doctest/doctest.h>

#include <set>

namespace rbit {

namespace {

std::string of(const std::string& path, const std::string& package, const std::string& id = "7") {
  Job job;
  job.key = "key:1";
  job.request.package = package;
  job.request.version = "1.2";
  job.request.job_id = id;
  return OutputDir(path).of(job);
}

}  // namespace

TEST_CASE("placeholders of an output directory are fields of the job") {
  CHECK(of("/srv/%ID/%VERSION/%JOB", "m1") == "/srv/m1/1.2/7");
  CHECK(of("/srv/%ID-%VERSION.d", "m1") == "/srv/m1-1.2.d");
  CHECK(of("/srv/%JOB", "m1", "") == "/srv/key%3A1");
  CHECK(of("/srv/%%ID/100%/%y", "m1") == "/srv/%ID/100%/%y");
  CHECK(of("/", "m1") == "/");
  CHECK(OutputDir("/srv/a%%b/x%ID/c").top() == "/srv/a%b");
  CHECK(OutputDir("/%ID").top() == "/");
  CHECK(OutputDir("/srv/a").top() == "/srv/a");
  CHECK(OutputDir("/srv/%ID/%JOB").check(MessageKind::pybit).has_value());
  CHECK(OutputDir("/srv/%VERSON").check(MessageKind::pybit).error().text() ==
        "output-dir: unknown placeholder %VERSON (did you mean %VERSION?)");
  CHECK_FALSE(OutputDir("/srv/%IDS").check(MessageKind::pybit).has_value());
  RunnerPolicy policy;
  CHECK(OutputDir::of_runner(policy, "/var/100%ID").of(Job()) == "/var/100%ID");
  policy.output_dir = "/srv/%ID";
  CHECK(OutputDir::of_runner(policy, "/var").of(Job()) == "/srv/%");
}

TEST_CASE("parts of the message in an output directory") {
  Job job;
  job.key = "../k";
  job.queue = "work";
  job.kind = MessageKind::json;
  job.head.exchange = "e";
  job.head.routing_key = "order.new";
  job.head.headers["x-kind"] = std::string(".hidden");
  job.body = R"({"order": {"id": 17, "a/b": "../..", "list": [1, 2]}, "": "\u0000"})";
  // As the configuration has them: a slash and a percent sign in %{ } have another form.
  const auto path = [&](const std::string& text) { return OutputDir(text).of(job); };
  CHECK(path("/srv/%{%2Forder%2Fid}/x") == "/srv/17/x");
  CHECK(path("/srv/%{%2Forder%2Fa~1b}") == "/srv/%2E.%2F..");
  CHECK(path("/srv/o-%{%2Forder%2Flist}.d") == "/srv/o-%5B1,2%5D.d");
  CHECK(path("/srv/%{%2Forder%2Fnone}/%{%2F}") == "/srv/%/%00");
  CHECK(path("/srv/%{header:x-kind}/%{key}") == "/srv/%2Ehidden/%2E.%2Fk");
  CHECK(path("/srv/%{queue}/%{routing-key}") == "/srv/work/order.new");
  CHECK(path("/srv/%{%2F%25}/%%{key}") == "/srv/%/%{key}");
  const OutputDir directory("/srv/%{%2Fa%2Fb!}/%{header:x!}/%{key}");
  CHECK(directory.top() == "/srv");
  CHECK(directory.facts().size() == 3);
  CHECK(directory.facts()[0].name == "/a/b");
  CHECK(directory.facts()[0].required);
  CHECK(directory.check(MessageKind::json).has_value());
  CHECK(directory.check(MessageKind::raw).error().text() ==
        "output-dir: %{/a/b!} needs message = json: a raw message has no members");
  CHECK(OutputDir("/srv/%{header:x}/%{key}").check(MessageKind::pybit).has_value());
  CHECK(OutputDir("/srv/%JOB/%STAMP").check(MessageKind::raw).has_value());
  CHECK(OutputDir("/srv/%ID").check(MessageKind::json).error().text() ==
        "output-dir: %ID is empty for message = json (write %{/POINTER} for a member of the "
        "message)");
  job.body = "";  // it went with its message
  CHECK(path("/srv/%{%2Forder%2Fid}") == "/srv/%");
}

TEST_CASE("a value is one part of the path, and no other value gives the same") {
  const std::string nul("a\0b", 3), long_one(300, 'x');
  const std::set<std::string> values{"",        ".",
                                     "..",      "...",
                                     "/",       "a/b",
                                     "../..",   "a/../b",
                                     ".hidden", "%",
                                     "%2E",     "-",
                                     "a b",     "a\nb",
                                     nul,       "a\\b",
                                     "~",       "*",
                                     "$(id)",   "\xc3\xa4",
                                     "%2F",     "%%",
                                     "A",       "a",
                                     long_one,  long_one + "x",
                                     "con.",    "a%",
                                     "a%00b",   "\xff",
                                     "%-",      "urn:uuid:1"};
  std::set<std::string> paths;
  for (const auto& value : values) {
    const std::string path = of("/srv/%ID", value);
    INFO(value << " -> " << path);
    CHECK(path.starts_with("/srv/"));
    const std::string part = path.substr(5);
    CHECK_FALSE(part.empty());
    CHECK(part.front() != '.');
    CHECK(part.find('/') == std::string::npos);
    CHECK(part.find('\0') == std::string::npos);
    CHECK(part.size() <= 255);
    paths.insert(path);
  }
  CHECK(paths.size() == values.size());
}

}  // namespace rbit
