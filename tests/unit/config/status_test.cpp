#include "config_file.h"
#include "rbit/base/secrets.h"

using namespace rbit;
using namespace rbit::config;
using namespace rbit::test;

namespace {

using Words = std::vector<std::string>;

StatusSettings status(const std::string& keys) {
  return settings(sound + "[status]\n" + keys).status;
}
/// Keys begin at line 7.
std::string found(const std::string& keys) {
  return findings(sound + "[status]\n" + keys);
}

const std::string coyote = "[coyote]\nqueue-mappings = q:r\n[runner:r]\nrunner = shell!x\n";

}  // namespace

TEST_CASE("where reports go") {
  CHECK(settings(sound).status.report == Words{"log"});
  CHECK(settings(coyote).status.report == Words{"amqp", "log"});
  CHECK(settings(coyote + "[status]\nreport = log\n").status.report == Words{"log"});
  CHECK(status("").report == Words{"log"});
  CHECK(status("").said);
  CHECK(status("url = http://pybit:8080\n").report == Words{"pybit", "log"});
  CHECK(status("queue = q\n").report == Words{"amqp", "log"});
  CHECK(status("report = amqp, log amqp\n").report == Words{"amqp", "log"});
}

TEST_CASE("the front-end, its user and its names for statuses") {
  const auto got = status(
      "url = https://pybit/base/\nusername = u\npassword = p\nallow-hosts = a:1 [::1]:2\n"
      "name-Done = Fertig\nqueue = other\nreport = pybit\n");
  CHECK(got.url == "https://pybit/base");
  CHECK(got.username == "u");
  CHECK(got.password == "p");
  CHECK(got.allow_hosts == Words{"a:1", "[::1]:2"});
  CHECK(got.queue == "other");
  CHECK(got.names.at(Status::done) == "Fertig");
  CHECK(got.names.at(Status::failed) == "Failed");
}

TEST_CASE("the command queue belongs to a front-end and to a broker") {
  const std::string queues = "[rbit]\nname = box\nqueue-mappings = q:r\n";
  const std::string runner = "[runner:r]\nrunner = shell!x\n";
  const std::string pybit = "[status]\nurl = http://pybit:8080\n";
  const auto queue = [&](const std::string& key, const std::string& more) {
    return settings(queues + key + runner + more).command_queue.value_or("none");
  };
  CHECK(queue("", "") == "none");
  CHECK(queue("", pybit) == "build_client_box");
  CHECK(queue("command-queue = no\n", pybit) == "none");
  CHECK(queue("command-queue = orders\n", pybit) == "orders");
  CHECK(queue("command-queue = orders\n", "") == "orders");
  CHECK(queue("command-queue = No\n", pybit) == "none");  // not a queue of that name
  CHECK(queue("command-queue = off\n", pybit) == "none");
  CHECK(queue("command-queue = yes\n", pybit) == "build_client_box");
  CHECK(queue("command-queue = yes\n", "") == "build_client_box");
  CHECK(queue("", pybit + "[amqp]\nurl = local:\n") == "none");
  CHECK(queue("command-queue = no\n", pybit + "[amqp]\nurl = local:\n") == "none");
  CHECK(findings(queues + "command-queue = orders\n" + runner + "[amqp]\nurl = local:\n") ==
        "rbit.ini:4: [rbit] command-queue: needs a broker, and [amqp] url is 'local:' (name its "
        "host there)\n");
  const ConfigFile file(queues + runner + pybit);
  CHECK(show(file.load()).find("(default) command-queue = build_client_box") != std::string::npos);
}

TEST_CASE("a front-end is asked before a build, unless it shall not be") {
  CHECK(status("url = http://pybit:8080\n").check_before_build);
  CHECK_FALSE(status("url = http://pybit:8080\ncheck-before-build = no\n").check_before_build);
  CHECK(found("check-before-build = maybe\n") ==
        "rbit.ini:7: [status] check-before-build: 'maybe' is not yes or no\n");
}

TEST_CASE("a password file for the front-end") {
  const ConfigFile file(sound + "[status]\nurl = http://p\nusername = u\npassword-file = pw\n");
  file.write("pw", "geheim", 0400);
  CHECK(file.lines().empty());
  CHECK(file.load().settings.status.password == "geheim");
}

TEST_CASE("wrong values of [status]") {
  CHECK(found("report = amqq\n") ==
        "rbit.ini:7: [status] report: 'amqq' is not known (did you mean 'amqp'?)\n");
  CHECK(found("report = mail\n") ==
        "rbit.ini:7: [status] report: 'mail' is not known (known: log, pybit, amqp, webhook)\n");
  CHECK(found("report = pybit\n") ==
        "rbit.ini:7: [status] report: pybit needs 'url' (write url = http://HOST:PORT)\n");
  CHECK(found("url = pybit:8080\n") ==
        "rbit.ini:7: [status] url: 'pybit:8080' is not http://HOST:PORT\n");
  CHECK(found("url = http://u:p@pybit\n") ==
        "rbit.ini:7: [status] url: holds a user (write username and password-file instead)\n");
  CHECK(found("allow-hosts = http://x\n") ==
        "rbit.ini:7: [status] allow-hosts: 'http://x' is not HOST:PORT\n");
  CHECK(found("password = x\n") == "rbit.ini:6: [status] has a password and no 'username'\n");
  CHECK(found("name-done =\n") == "rbit.ini:7: [status] name-done: must not be empty\n");
}

TEST_CASE("a webhook, and what may be its url") {
  const ConfigFile file(sound +
                        "[status]\nwebhook-url = https://hooks:8443/a?b=1\n"
                        "webhook-secret-file = pw\nwebhook-body = yes\n");
  file.write("pw", "geheim\n", 0400);
  CHECK(file.lines().empty());
  const StatusSettings got = file.load().settings.status;
  CHECK(got.report == Words{"webhook", "log"});
  CHECK(got.webhook_url == "https://hooks:8443/a?b=1");
  CHECK(got.webhook_secret == "geheim");
  CHECK(got.webhook_body);
  CHECK(status("webhook-url = http://[::1]\nreport = webhook\n").report == Words{"webhook"});
  const std::string is_none =
      "rbit.ini:7: [status] webhook-url: is not http://HOST... or https://HOST...\n";
  for (const char* url :
       {"ftp://h/x", "h/x", "http://", "http:///x", "http://h/#x", "http://h/a b", "https://h/\x01",
        "http://h:99999/", "file:///etc/passwd", "HTTP//h", "http://h\\x"})
    CHECK_MESSAGE(found("webhook-url = " + std::string(url) + "\n") == is_none, url);
  CHECK(found("webhook-url = http://u:p@h/x\n")
            .starts_with("rbit.ini:7: [status] webhook-url: holds a user"));
  CHECK(found("report = webhook\n") ==
        "rbit.ini:7: [status] report: webhook needs 'webhook-url' (write webhook-url = "
        "https://HOST/...)\n");
}

TEST_CASE("what follows the host of a webhook is shown nowhere") {
  const ConfigFile file(sound +
                        "[status]\nwebhook-url = https://hooks/services/T0123456789abcdef\n");
  const std::string text = show(file.load());
  CHECK(text.find("webhook-url = https://hooks/***\n") != std::string::npos);
  CHECK(secrets::redacted("at /services/T0123456789abcdef!") == "at ***!");
  CHECK(show(ConfigFile(sound + "[status]\nwebhook-url = https://hooks/\n").load())
            .find("webhook-url = https://hooks/\n") != std::string::npos);
}

TEST_CASE("a signature does not hide what goes over plain http") {
  const auto doubts = [](const std::string& keys) {
    const ConfigFile file(sound + "[status]\n" + keys);
    file.write("pw", "geheim", 0400);
    return file.load().doubts.size();
  };
  CHECK(doubts("webhook-url = http://hooks/x\nwebhook-secret-file = pw\n") == 1);
  CHECK(doubts("webhook-url = http://hooks/x\nwebhook-body = yes\n") == 1);
  CHECK(doubts("webhook-url = http://hooks/x\n") == 0);
  CHECK(doubts("webhook-url = http://127.0.0.1:80/x\nwebhook-secret-file = pw\n") == 0);
  CHECK(doubts("webhook-url = https://hooks/x\nwebhook-secret-file = pw\n") == 0);
}

TEST_CASE("the embedded queue is no broker that a status queue could lie on") {
  CHECK(findings("[rbit]\nqueue-mappings = a:b\n[amqp]\nurl = local:\n[runner:b]\nrunner = "
                 "shell!true\n[status]\nreport = amqp\n")
            .find("report: amqp needs a broker") != std::string::npos);
  CHECK(findings("[coyote]\nqueue-mappings = a:b\n[amqp]\nurl = local:\n[runner:b]\nrunner = "
                 "shell!true\n") == "");
}
