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
  CHECK(OutputDir("/srv/%ID/%JOB").check().has_value());
  CHECK(OutputDir("/srv/%VERSON").check().error().text() ==
        "output-dir: unknown placeholder %VERSON (did you mean %VERSION?)");
  CHECK_FALSE(OutputDir("/srv/%IDS").check().has_value());
  RunnerPolicy policy;
  CHECK(OutputDir::of_runner(policy, "/var/100%ID").of(Job()) == "/var/100%ID");
  policy.output_dir = "/srv/%ID";
  CHECK(OutputDir::of_runner(policy, "/var").of(Job()) == "/srv/%");
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
