#include "config_file.h"

using namespace rbit;
using namespace rbit::config;
using namespace rbit::test;

TEST_CASE("a slip in one of rbit's own sections is an error") {
  CHECK(findings(sound + "[amqp]\nhots = a\n") ==
        "rbit.ini:7: [amqp] unknown key 'hots' (did you mean 'host'?)\n");
  CHECK(findings(sound + "[log]\nlevle = INFO\n") ==
        "rbit.ini:7: [log] unknown key 'levle' (did you mean 'level'?)\n");
}

TEST_CASE("old programs read over unknown keys of the sections they had; new sections have none") {
  CHECK(findings(sound + "[amqp]\nexchange_type = direct\n") ==
        "rbit.ini:7: warning: [amqp] unknown key 'exchange_type', not read\n");
  CHECK(findings(sound + "[amqp]\ncheck-befor-build = no\n") ==
        "rbit.ini:7: warning: [amqp] unknown key 'check-befor-build', not read here (did you mean "
        "'check-before-build' of [status]?)\n");
  CHECK(findings(sound + "[log]\ncolour = red\n") ==
        "rbit.ini:7: [log] unknown key 'colour' (known: level, format, redact, file, keep-days, "
        "keep-size)\n");
}

TEST_CASE("keys of [DEFAULT] are unknown nowhere") {
  CHECK(findings("[DEFAULT]\nanything = 1\nhots = 2\n" + sound + "[amqp]\n[log]\n") == "");
}

TEST_CASE("sections nobody reads") {
  CHECK(findings(sound + "[stauts]\nreport = log\n") ==
        "rbit.ini:6: [stauts] unknown section (did you mean [status]?)\n");
  CHECK(findings(sound + "[AMQP]\nhost = a\n") ==
        "rbit.ini:6: [AMQP] unknown section (did you mean [amqp]?)\n");
  CHECK(findings(sound + "[buildout]\n") ==
        "rbit.ini:6: warning: [buildout] unknown section, not read\n");
  CHECK(findings(sound + "[default]\n") ==
        "rbit.ini:6: warning: [default] is not read; keys for all sections stand in [DEFAULT]\n");
  CHECK(findings(sound + "[runner]\ntimeout = 3\n") ==
        "rbit.ini:6: [runner] a runner's section is called [runner:NAME]\n");
}

TEST_CASE("a finding is one line, whatever the names in the file") {
  CHECK(findings(sound + "[a\rb]\n") ==
        "rbit.ini:6: warning: [a\\x0db] unknown section, not read\n");
}
