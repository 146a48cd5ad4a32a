// The three dialects of old files load unchanged (rbit/doc/formats.rst, dialects).
#include <csignal>

#include "config_file.h"

using namespace rbit;
using namespace rbit::config;
using namespace rbit::test;

namespace {

std::string dialect(const std::string& name) {
  return read_file(std::string(RBIT_SOURCE_DIR) + "/tests/unit/config/dialects/" + name + ".ini");
}

}  // namespace

TEST_CASE("the legacy form") {
  const ConfigFile file(dialect("legacy"));
  CHECK(file.lines() ==
        std::vector<std::string>{"rbit.ini:9: warning: [rbit] queue cnx_any_princexml_pdf has no "
                                 "[runner:cnx_any_princexml_pdf] and is not read"});
  const auto loaded = file.load();
  CHECK(loaded.ok());
  const Settings& settings = loaded.settings;
  CHECK(settings.name == "saw-horse");
  CHECK(settings.poll_time == std::chrono::seconds(60));
  REQUIRE(settings.queues.size() == 1);
  CHECK(settings.queues[0].queue == "cnx_any_latex_pdf");
  CHECK(settings.queues[0].runner == "cnx_any_latex_pdf");
  CHECK(settings.queues[0].legacy);
  CHECK(settings.queues[0].dotted_route == "cnx.any.latex.pdf");
  CHECK(settings.broker.hosts == std::vector<std::string>{"localhost"});
  CHECK(settings.broker.user == "guest");
  CHECK(settings.status.report == std::vector<std::string>{"log"});
  CHECK_FALSE(settings.status.said);
  CHECK(settings.log.level == "DEBUG");
  REQUIRE(settings.log.handlers.size() == 1);
  CHECK(settings.log.handlers[0].kind == log::HandlerSettings::Kind::standard_error);
  CHECK(settings.log.handlers[0].format == log::generic_format);
  const auto& runner = settings.runners.at("cnx_any_latex_pdf");
  CHECK(runner.line == "python!rbitext.rhaptos_print:make_print");
  CHECK(runner.line_place.line == 16);
  CHECK(runner.policy.keep_warm == 1000);
  CHECK(runner.policy.settings.at("python") == "/usr/local/bin/python2.4");
  CHECK(runner.policy.settings.at("host") == "http://cnx.org");
  CHECK(runner.policy.settings.at("runner") == runner.line);
}

TEST_CASE("queue-mappings, [DEFAULT], inline comments, keys in capitals") {
  const ConfigFile file(dialect("mappings"));
  CHECK(file.lines().empty());
  const auto settings = file.load().settings;
  REQUIRE(settings.queues.size() == 2);
  CHECK(settings.queues[0].queue == "cnx_desktop_latex_pdf");
  CHECK(settings.queues[1].queue == "cnx_desktop_latex_epub");
  CHECK(settings.queues[1].runner == "print");
  CHECK(settings.queues[1].place.line == 9);
  CHECK_FALSE(settings.queues[0].legacy);
  CHECK_FALSE(settings.poll_time);
  CHECK(settings.broker.virtual_host == "builds");
  CHECK(settings.broker.user == "rbit");
  CHECK(settings.broker.password == "secret");
  CHECK(settings.log.level == "WARNING");
  REQUIRE(settings.log.handlers.size() == 1);
  CHECK(settings.log.handlers[0].path == "/var/log/rbit.log");
  CHECK(settings.log.handlers[0].max_bytes == 1'000'000);
  CHECK(settings.log.handlers[0].date_format == "%H:%M:%S");
  const auto& policy = settings.runners.at("print").policy;
  CHECK(policy.output_dir == "/srv/output");
  CHECK(policy.settings.at("output-dir") == "/srv/output");
  CHECK(policy.settings.at("print-dir") == "/opt/rhaptos/printing");
}

TEST_CASE("coyote: its own section, and reports to its queue") {
  const ConfigFile file(dialect("coyote"));
  CHECK(file.lines().empty());
  const auto settings = file.load().settings;
  CHECK(settings.coyote);
  CHECK(settings.status.report == std::vector<std::string>{"amqp", "log"});
  CHECK(settings.status.queue == "acme-status");
  CHECK(settings.log.level == "DEBUG");
  CHECK(settings.runners.at("completezip").policy.settings.at("password") == "secret");
}

TEST_CASE("a password in a file that all may read is refused, guest's and a runner's are not") {
  const ConfigFile file;
  ::chmod(file.directory().c_str(), 0755);
  file.write("rbit.ini", dialect("mappings"), 0644);
  CHECK(file.lines() ==
        std::vector<std::string>{"rbit.ini:14: [amqp] password: all users may read it here "
                                 "(chmod 600 rbit.ini, or write password-file)"});
  CHECK_FALSE(file.load().ok());
  file.write("rbit.ini", dialect("mappings"), 0640);  // as a service's group may have to
  CHECK(file.load().ok());
  CHECK(file.lines().size() == 1);
  file.write("rbit.ini", dialect("legacy"), 0644);
  CHECK(file.lines().size() == 1);
  file.write("rbit.ini", dialect("coyote"), 0644);
  CHECK(file.load().ok());
  CHECK(file.lines().size() == 1);
  // Nobody comes to a file in a directory that is closed.
  ::chmod(file.directory().c_str(), 0700);
  file.write("rbit.ini", dialect("mappings"), 0644);
  CHECK(file.lines().empty());
}

TEST_CASE("the form of the first week, a pipeline, is refused with the cure") {
  CHECK(
      findings("[rbit]\ndistribution = cnx\narchitecture = any\nsuites = latex\nformat = pdf\n"
               "[cnx_any_latex_pdf]\npipeline =\n  python!a:b\n  python!c:d\n") ==
      "rbit.ini:1: [rbit] no queue is left to read (write a [runner:...] section for one)\n"
      "rbit.ini:4: warning: [rbit] queue cnx_any_latex_pdf has no [runner:cnx_any_latex_pdf] and "
      "is not read\n"
      "rbit.ini:6: [cnx_any_latex_pdf] a runner's section is called [runner:NAME] (write "
      "[runner:cnx_any_latex_pdf])\n"
      "rbit.ini:7: [cnx_any_latex_pdf] pipeline: a list of runner lines is no longer run (use one "
      "'runner = ...')\n");
  CHECK(findings(sound + "pipeline = a\n") ==
        "rbit.ini:6: [runner:echo] pipeline: a list of runner lines is no longer run (use one "
        "'runner = ...')\n");
  CHECK(findings(sound + "[q]\nrunner = shell!x\n") ==
        "rbit.ini:6: [q] a runner's section is called [runner:NAME] (write [runner:q])\n");
}

TEST_CASE("pybitweb-username and -password get the cure") {
  CHECK(findings(sound + "[amqp]\npybitweb-username = a\npybitweb-password = b\n") ==
        "rbit.ini:7: warning: [amqp] 'pybitweb-username' is not read here (write [status] "
        "username)\n"
        "rbit.ini:8: warning: [amqp] 'pybitweb-password' is not read here (write [status] "
        "password)\n");
}
