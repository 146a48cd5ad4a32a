// The hosts that rbit ships, driven as rbit drives them.
#include <unistd.h>

#include "rbit/base/text.h"
#include "tests/unit/run/runner_fixture.h"

using namespace rbit;
using Kind = Outcome::Kind;

namespace {

struct RealHosts : test::RunnerFixture {
  void plugin(const std::string& library, const std::string& name) {
    RunnerLine line;
    line.kind = RunnerLine::Kind::plugin;
    line.target = std::string(RBIT_BINARY_DIR) + "/" + library;
    line.name = name;
    make(line);
  }
  void python(const std::string& code) {
    test::write_file(dir / "builder.py", code);
    RunnerLine line;
    line.kind = RunnerLine::Kind::python;
    line.target = "builder";
    line.name = "build";
    make(line);
  }
};

}  // namespace

TEST_CASE_FIXTURE(RealHosts, "the hello plugin greets, reports and leaves an artifact") {
  policy.settings = {{"name", "World"}};
  plugin("examples/libhello.so", "hello");
  REQUIRE(prepare().has_value());
  const Outcome outcome = run_job();
  CHECK(outcome.kind == Kind::done);
  CHECK(reports == std::vector<std::string>{"Building: Greeting World"});
  REQUIRE(outcome.artifacts.size() == 1);
  CHECK(test::read_file(outcome.artifacts[0].path) == "Hello World\n");
}

TEST_CASE_FIXTURE(RealHosts, "messages of any bytes reach both hosts") {
  policy.message = MessageKind::raw;
  policy.settings = {{"body", "1"}, {"fields", "kind routing_key"}, {"headers", "x-n"}};
  message.headers = {{"x-n", std::int64_t{3}}};
  Job one = job();
  one.kind = MessageKind::raw;
  one.request = {};
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  for (const std::string& body : {std::string(), std::string(1, '\0'), all}) {
    one.body = body;
    plugin("tests/libnaughty.so", "facts");
    Outcome outcome = run_job(one);
    CHECK(outcome.kind == Kind::done);
    CHECK(log_of(outcome) ==
          "info: kind is raw\ninfo: routing_key is queue\ninfo: header x-n is 3\ninfo: body " +
              text::hex(body) + "\n");
    python(
        "def build(body, context):\n"
        "    print(body.hex(), context['rbit'].headers['x-n'], context['rbit'].routing_key)\n");
    outcome = run_job(one);
    CHECK_MESSAGE(outcome.kind == Kind::done, outcome.message);
    CHECK(log_of(outcome) == text::hex(body) + " 3 queue\n");
  }
}

TEST_CASE_FIXTURE(RealHosts, "what a function keeps in its context stays, with its host") {
  policy.message = MessageKind::json;
  python(
      "import os\n"
      "def build(body, context):\n"
      "    if 'file' not in context or body == 'leave':\n"
      "        context['file'] = os.open('/dev/null', os.O_RDONLY)\n"
      "    print(os.getpid(), os.fstat(context['file']).st_ino)\n");
  const auto words_of = [&](const char* body) {
    Job one = job();
    one.kind = MessageKind::json;
    one.body = body;
    const Outcome outcome = run_job(one);
    CHECK_MESSAGE(outcome.kind == Kind::done, outcome.message);
    return log_of(outcome);
  };
  const std::string first = words_of("1");
  CHECK(words_of("2") == first);
  CHECK(words_of("3") == first);
  CHECK(words_of("\"leave\"").find("left a descriptor open") != std::string::npos);
  CHECK(words_of("4") != first);
}

TEST_CASE_FIXTURE(RealHosts, "a plugin of ABI 1.0 does its jobs") {
  policy.settings = {{"name", "World"}};
  plugin("tests/libold_plugin.so", "old");
  for (const char* key : {"one", "two"}) {
    const Outcome outcome = run_job(job(key));
    CHECK(outcome.reason == "artifact");  // it names one and makes none
    CHECK(reports ==
          std::vector<std::string>{"Building: job " + std::string(key) + ", the first was one"});
  }
}

TEST_CASE_FIXTURE(RealHosts, "a plugin that is no plugin is refused") {
  plugin("examples/libhello.so", "nobody");
  const auto ready = prepare();
  REQUIRE(ready.has_error());
  CHECK(ready.error().thing.find("libhello.so:nobody") != std::string::npos);
  CHECK_FALSE(ready.error().reason.empty());
  CHECK(run_job().kind == Kind::not_started);
}

TEST_CASE_FIXTURE(RealHosts, "naughty plugins cost their own job and nothing else") {
  policy.env = {{"ASAN_OPTIONS", "handle_segv=0"}};  // a sanitized host would exit instead
  plugin("tests/libnaughty.so", "segv");
  Outcome outcome = run_job();
  CHECK(outcome.kind == Kind::crashed);
  CHECK(outcome.reason == "plugin-crash");
  CHECK(outcome.message.find("signal SEGV") != std::string::npos);
  plugin("tests/libnaughty.so", "exit3");
  outcome = run_job();
  CHECK(outcome.kind == Kind::crashed);
  CHECK(outcome.message.find("exit 3") != std::string::npos);
  plugin("tests/libnaughty.so", "failed");
  CHECK(run_job().kind == Kind::failed);
  CHECK(run_job().kind == Kind::failed);
  plugin("tests/libnaughty.so", "blocked");
  CHECK(run_job().kind == Kind::blocked);
  policy.timeout = std::chrono::milliseconds(100);
  policy.grace = std::chrono::milliseconds(50);
  plugin("tests/libnaughty.so", "hangs");
  outcome = run_job();
  CHECK(outcome.kind == Kind::timed_out);
  CHECK(outcome.reason == "timeout");
}

TEST_CASE_FIXTURE(RealHosts, "a host whose job went to other namespaces does no other job") {
  if (::access("/usr/bin/python3", X_OK) != 0) return;
  python(
      "import ctypes, os\n"
      "def build(message, set_status, settings):\n"
      "    flag = int(message, 16)\n"
      "    refused = flag and ctypes.CDLL(None).unshare(flag)\n"
      "    set_status('Done', 'refused' if refused else str(os.getpid()))\n");
  std::string host;
  for (const char* flag : {"0", "0",         // it stays,
                           "0x80",           // time
                           "0x20000",        // mounts
                           "0x2000000",      // cgroup
                           "0x4000000",      // names of the machine
                           "0x8000000",      // IPC
                           "0x10000000",     // users
                           "0x20000000",     // processes, of its children
                           "0x40000000"}) {  // network
    CAPTURE(flag);
    Job one = job();
    one.body = flag;
    const Outcome outcome = run_job(one);
    REQUIRE(outcome.kind == Kind::done);
    if (outcome.message == "refused") continue;  // only root may
    const bool is_said = log_of(outcome).find("changed its namespaces") != std::string::npos;
    CHECK(is_said == (std::string(flag) != "0"));
    if (!host.empty() && std::string(flag) == "0") CHECK(outcome.message == host);
    if (std::string(flag) != "0") CHECK_FALSE(std::filesystem::exists("/proc/" + outcome.message));
    host = outcome.message;
  }
}

TEST_CASE_FIXTURE(RealHosts, "temporary files of a Python function go with its job") {
  if (::access("/usr/bin/python3", X_OK) != 0) return;
  const std::string code =
      "import os, tempfile\n"
      "early = tempfile.gettempdir()\n"
      "def build(message, set_status, settings):\n"
      "    file, path = tempfile.mkstemp()\n"
      "    os.close(file)\n"
      "    print(os.environ['TMPDIR'], path)\n";
  const auto words_of = [&](const std::string& key) {
    const Outcome outcome = run_job(job(key));
    REQUIRE(outcome.kind == Kind::done);
    const std::string line = log_of(outcome);
    return std::pair(line.substr(0, line.find(' ')), line.substr(line.find(' ') + 1));
  };
  python(code);
  for (const char* key : {"one", "two"}) {
    const auto [directory, file] = words_of(key);
    CHECK(directory.starts_with(dir / "work/slot-"));
    CHECK(directory.ends_with("/tmp"));
    CHECK(file.starts_with(directory + "/"));
    until([&, &place = directory] { return !std::filesystem::exists(place); });
  }
  policy.env = {{"TMPDIR", dir.path()}};
  python(code);
  CHECK(words_of("three").first == dir.path());
}

TEST_CASE_FIXTURE(RealHosts, "a Python function does jobs, and its host stays warm") {
  if (::access("/usr/bin/python3", X_OK) != 0) return;
  policy.settings = {{"name", "World"}};
  python(
      "import os\n"
      "def build(message, set_status, settings):\n"
      "    set_status('Building', 'Greeting ' + settings['name'])\n"
      "    print('pid', os.getpid())\n");
  REQUIRE(prepare().has_value());
  const Outcome first = run_job();
  CHECK(first.kind == Kind::done);
  CHECK(reports == std::vector<std::string>{"Building: Greeting World"});
  CHECK(log_of(first).starts_with("pid "));
  CHECK(log_of(run_job(job("next"))) == log_of(first));

  python("def build(message, set_status, settings):\n    raise ValueError('no TeX')\n");
  const Outcome failed = run_job();
  CHECK(failed.kind == Kind::failed);
  CHECK(failed.message.find("no TeX") != std::string::npos);

  python("def build(:\n");
  CHECK(prepare().has_error());
}
