// Runners that tell what they know of their message, and that send.
#define RBIT_NEEDS_MINOR 1
#include <rbit/plugin.hpp>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <sstream>
#include <string>
#include <thread>

namespace {

std::string hex(std::string_view bytes) {
  std::string text;
  char digits[3];
  for (const char byte : bytes) {
    std::snprintf(digits, sizeof digits, "%02x", static_cast<unsigned>(byte) & 0xFFu);
    text += digits;
  }
  return text;
}

// Logs the fields, headers and the body that its settings ask for, "-" for what is not there.
void facts(const rbit::Job& job) {
  std::istringstream fields(job.setting("fields")), headers(job.setting("headers"));
  const auto told = [](const char* value) { return value == nullptr ? "-" : value; };
  for (std::string name; std::getline(fields, name, ' ');)
    job.log(name + " is " + told(rbit_field(job.get(), name.c_str())));
  for (std::string name; std::getline(headers, name, ' ');)
    job.log("header " + name + " is " + told(rbit_header(job.get(), name.c_str())));
  if (!job.setting("body").empty()) job.log("body " + hex(job.payload()));
}

// Everything that can be sent, once.
void sends(const rbit::Job& job) {
  rbit::PublishOptions options;
  options.headers = {
      {"x-kind", "new \"order\""},      {"x-count", 3},   {"x-share", 0.1},
      {"x-big", std::int64_t{1} << 62}, {"x-true", true}, {"x-text", std::string("t")}};
  options.content_type = "text/plain";
  options.delay = "30s";
  options.correlation_id = "c";
  options.reply_to = "answers";
  options.type = "order";
  options.priority = 4;
  options.now = true;
  job.publish("events", "order.new", "a \"body\"\n\xe2\x82\xac", options);
  job.publish("", "next", std::string_view("\xff\0\n", 3));
  job.publish("", "next", "");
  rbit::PublishOptions of_file;
  of_file.file = "out.bin";
  job.publish("events", "", {}, of_file);
  job.progress(3, 9, "pages");
  job.progress(0.5);
  job.metric("pages_total", rbit::Change::add, 3, {{"lang", "en"}});
  job.metric("depth", rbit::Change::set_now, -1.5);
  job.result("{\"b\": 1,\n \"a\": [true, null, 1.5, \"\xe2\x82\xac\"]}");
}

// One mistake after the other; how it is refused goes to the log.
void mistakes(const rbit::Job& job) {
  const auto refused = [&](const char* what, auto call) {
    try {
      call();
      job.log(std::string(what) + " passed");
    } catch (const std::invalid_argument& error) {
      job.log(std::string(what) + " refused: " + error.what());
    }
  };
  const std::string large(70000, 'x');
  refused("large", [&] { job.publish("e", "k", large); });
  refused("large bytes", [&] { job.publish("e", "k", std::string(60000, '\xff')); });
  refused("nearly", [&] { job.publish("e", "k", large.substr(0, 65000)); });
  refused("long key", [&] { job.publish("e", large, ""); });
  refused("nowhere", [&] { job.publish("", "", ""); });
  refused("key", [&] { job.publish("e", "\xff", ""); });
  refused("NUL", [&] { job.publish("e", std::string("a\0b", 3), ""); });
  refused("both", [&] {
    rbit::PublishOptions options;
    options.file = "f";
    job.publish("e", "k", "body", options);
  });
  refused("header", [&] {
    rbit::PublishOptions options;
    options.headers = {{"x", std::nan("")}};
    job.publish("e", "k", "body", options);
  });
  refused("no JSON", [&] { job.result("{'a': 1}"); });
  refused("no result", [&] { job.result(""); });
  refused("twice", [&] { job.result("{\"a\": 1, \"a\": 2}"); });
  refused("NaN", [&] { job.result("[NaN]"); });
  refused("deep", [&] { job.result(std::string(40, '[') + std::string(40, ']')); });
  refused("large result", [&] { job.result("\"" + large + "\""); });
  refused("rather large", [&] { job.result("\"" + large.substr(0, 58000) + "\""); });
  refused("many", [&] {
    std::string many = "[1";
    for (int i = 0; i < 10000; ++i) many += ",1";
    job.result(many + "]");
  });
  refused("progress", [&] { job.progress(std::nan("")); });
  refused("metric", [&] { job.metric("", rbit::Change::add, 1); });
  refused("infinite", [&] { job.metric("m", rbit::Change::add, INFINITY); });
  refused("change", [&] { job.metric("m", static_cast<rbit::Change>(9), 1); });
}

// The largest result that fits, with much to say beside it.
void large_result(const rbit::Job& job) {
  job.result("\"" + std::string(56 * 1024 - 2, 'x') + "\"");
  rbit_explain(job.get(), std::string(9000, '\x01').c_str());
}

void from_threads(const rbit::Job& job) {
  std::thread threads[4];
  for (std::thread& thread : threads)
    thread = std::thread([&job] {
      for (int i = 0; i < 50; ++i) {
        job.publish("", "q", job.field("/n") + std::string(2000, 'y'));
        if (rbit_publish(job.get(), "", "", "", 0, nullptr) != -1 ||
            std::string(rbit_mistake(job.get())).find("default exchange") == std::string::npos)
          job.log("no mistake");
      }
    });
  for (std::thread& thread : threads) thread.join();
}

// In C: fails without a word of its own.
int gives_up(void*, const rbit_job* job) {
  if (rbit_result(job, "[") != 0) return RBIT_FAILED;
  return RBIT_DONE;
}

int result_of_failed(void*, const rbit_job* job) {
  rbit_result(job, "1");
  return RBIT_FAILED;
}

}  // namespace

RBIT_CPP_RUNNER(facts, "1.0", facts);
RBIT_CPP_RUNNER(sends, "1.0", sends);
RBIT_CPP_RUNNER(mistakes, "1.0", mistakes);
RBIT_CPP_RUNNER(large_result, "1.0", large_result);
RBIT_CPP_RUNNER(from_threads, "1.0", from_threads);
RBIT_RUNNER(gives_up, "1.0", gives_up);
RBIT_RUNNER(result_of_failed, "1.0", result_of_failed);
