#include "config_file.h"

using namespace rbit;
using namespace rbit::config;
using namespace rbit::test;

namespace {

std::string with_mappings(const std::string& value) {
  return "[runner:print]\nrunner = shell!x\n[runner:zip]\nrunner = shell!y\n[rbit]\n"
         "queue-mappings = " +
         value + "\n";
}

const std::string legacy =
    "[runner:cnx_any_latex_pdf]\nrunner = shell!x\n"
    "[rbit]\ndistribution = cnx\narchitecture = any\nformat = pdf\n";

/// "queue:runner" for each, with "*" for the legacy form.
std::string queues(const std::string& text) {
  std::string out;
  for (const auto& mapping : ConfigFile(text).load().settings.queues)
    out += (out.empty() ? "" : " ") + mapping.queue + ":" + mapping.runner +
           (mapping.legacy ? "*" : "");
  return out;
}

}  // namespace

TEST_CASE("mappings: white space separates, blanks around : do not, the last : splits") {
  CHECK(queues(with_mappings("a:print b : zip\n  c :print\n  d: zip e:print\n  f:g:zip")) ==
        "a:print b:zip c:print d:zip e:print f:g:zip");
  CHECK(findings(with_mappings("a:print b : zip\n  f:g:zip")) == "");
}

TEST_CASE("queues that rbit or the broker keep for themselves are no work queues") {
  CHECK(
      findings(with_mappings("\n  rbit.dead.q:print\n  rbit.retry.q.10:zip\n  amq.x:zip")) ==
      "rbit.ini:7: [rbit] queue-mappings: 'rbit.dead.q' is where rbit keeps dead letters (name the "
      "work queue, and bring them back with rbit dead replay)\n"
      "rbit.ini:8: [rbit] queue-mappings: 'rbit.retry.q.10' is where jobs of rbit's wait for their "
      "next attempt (name the work queue, they come back to it)\n"
      "rbit.ini:9: [rbit] queue-mappings: 'amq.x' has a name that the broker keeps for itself "
      "(name one that does not begin with amq.)\n");
  CHECK(findings(with_mappings("rbit.deadlines:print amqp:zip")) == "");
}

TEST_CASE("a queue may be called as a key is; what looks like that key is told of all the same") {
  CHECK(findings(with_mappings("\n  python:print\n  slots:zip")) == "");
  for (const char* line : {"slots = 4", "slots: 4", "slots=4"})
    CHECK(findings(with_mappings(std::string("\n  python:print\n  ") + line))
              .find("warning: indented, so it continues 'queue-mappings' (line 6); 'slots' is no "
                    "key here") != std::string::npos);
}

TEST_CASE("mappings that are none, each at its own line") {
  CHECK(findings(with_mappings("\n  cnx_any_latex_pdf\n  a:prnt\n  :print\n  b:\n  c:print\n"
                               "  c:zip")) ==
        "rbit.ini:7: [rbit] queue-mappings: 'cnx_any_latex_pdf' names no runner (write "
        "queue:runner)\n"
        "rbit.ini:8: [rbit] queue-mappings: no [runner:prnt] (did you mean [runner:print]?)\n"
        "rbit.ini:9: [rbit] queue-mappings: ':print' names no queue (write queue:runner)\n"
        "rbit.ini:10: [rbit] queue-mappings: 'b' names no runner (write queue:runner)\n"
        "rbit.ini:12: [rbit] queue-mappings: 'c' is named twice (first at line 11)\n");
}

TEST_CASE("a queue's name has at most 220 bytes, for what rbit puts around it") {
  CHECK(findings(with_mappings(std::string(220, 'q') + ":print")) == "");
  CHECK(findings(with_mappings(std::string(221, 'q') + ":print"))
            .find("is too long for a queue (at most 220 bytes)") != std::string::npos);
}

TEST_CASE("the legacy form: a queue a suite; one without a runner is a warning and not read") {
  const std::string text = legacy + "suites = latex, , princexml\n";
  CHECK(queues(text) == "cnx_any_latex_pdf:cnx_any_latex_pdf*");
  CHECK(findings(text) ==
        "rbit.ini:7: warning: [rbit] queue cnx_any_princexml_pdf has no "
        "[runner:cnx_any_princexml_pdf] and is not read\n");
  CHECK(findings(legacy + "suites = latex,\n  princexml\n") ==
        "rbit.ini:8: warning: [rbit] queue cnx_any_princexml_pdf has no "
        "[runner:cnx_any_princexml_pdf] and is not read\n");
}

TEST_CASE("no queue left is an error") {
  CHECK(findings(legacy + "suites = other\n") ==
        "rbit.ini:3: [rbit] no queue is left to read (write a [runner:...] section for one)\n"
        "rbit.ini:7: warning: [rbit] queue cnx_any_other_pdf has no [runner:cnx_any_other_pdf] and "
        "is not read\n");
  CHECK(findings("[rbit]\n") ==
        "rbit.ini:1: [rbit] names no queue (write queue-mappings = QUEUE:RUNNER)\n");
  CHECK(findings(with_mappings("")) ==
        "rbit.ini:5: [rbit] names no queue (write queue-mappings = QUEUE:RUNNER)\n");
}

TEST_CASE("a missing legacy key") {
  CHECK(findings(legacy) ==
        "rbit.ini:3: [rbit] 'suites' is missing (a queue is DISTRIBUTION_ARCHITECTURE_SUITE_FORMAT)"
        "\n");
  CHECK(findings("[rbit]\nsuites = a\nformat =\n") ==
        "rbit.ini:1: [rbit] 'distribution', 'architecture', 'format' are missing (a queue is "
        "DISTRIBUTION_ARCHITECTURE_SUITE_FORMAT)\n");
}

TEST_CASE("both forms: the union; one queue with two runners is an error") {
  CHECK(queues(legacy + "suites = latex\nqueue-mappings = a:cnx_any_latex_pdf\n") ==
        "cnx_any_latex_pdf:cnx_any_latex_pdf* a:cnx_any_latex_pdf");
  const std::string other = "[runner:zip]\nrunner = shell!y\n";
  CHECK(findings(other + legacy + "suites = latex\nqueue-mappings = cnx_any_latex_pdf:zip\n") ==
        "rbit.ini:9: [rbit] suites: queue 'cnx_any_latex_pdf' has two runners: "
        "[runner:cnx_any_latex_pdf] and, by queue-mappings (line 10), [runner:zip]\n");
  const std::string same =
      legacy + "suites = latex\nqueue-mappings = cnx_any_latex_pdf:cnx_any_latex_pdf\n";
  CHECK(findings(same) == "");
  CHECK(queues(same) == "cnx_any_latex_pdf:cnx_any_latex_pdf*");
  CHECK(findings(other + legacy + "suites = latex, x\nqueue-mappings = cnx_any_x_pdf:zip\n") == "");
}
