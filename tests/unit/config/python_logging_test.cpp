#include "config_file.h"

using namespace rbit;
using namespace rbit::config;
using namespace rbit::test;

namespace {

/// The three lists begin at line 6, what a test adds at line 12.
const std::string lists =
    sound + "[loggers]\nkeys = root\n[handlers]\nkeys = h\n[formatters]\nkeys = f\n";
const std::string formatter = "[formatter_f]\nformat = %(message)s\n";
const std::string handler = "[handler_h]\nclass = StreamHandler\nargs = ()\n";
const std::string root = "[logger_root]\nlevel = WARN\nhandlers = h\n";

}  // namespace

TEST_CASE("levels: our logger's before root's; [log] before both; --debug before all") {
  CHECK(settings(lists + formatter + handler + root).log.level == "WARNING");
  const std::string two =
      sound + "[loggers]\nkeys = rbit, root\n[handlers]\nkeys = h\n[formatters]\nkeys =\n" +
      handler + root + "[logger_rbit]\nqualname = coyote\nhandlers =\nlevel = ";
  CHECK(settings(two + "DEBUG\n").log.level == "DEBUG");
  CHECK(settings(two + "NOTSET\n").log.level == "WARNING");
  CHECK(settings(two + "DEBUG\n[log]\nlevel = error\n").log.level == "ERROR");
  Overrides overrides;
  overrides.debug = true;
  CHECK(ConfigFile(sound + "[log]\nlevel = ERROR\n").load(overrides).settings.log.level == "DEBUG");
}

TEST_CASE("the keys of [log]") {
  const auto log = settings(sound + "[log]\nlevel = warn\nformat = JSON\nfile = /l\n").log;
  CHECK(log.level == "WARNING");
  CHECK(log.json);
  CHECK(log.file == "/l");
}

TEST_CASE("a plain file of root's only handler is the log's") {
  const std::string file = "[handler_h]\nclass = logging.FileHandler\nargs = ('/var/l', 'a')\n";
  CHECK(settings(lists + formatter + file + root).log.file == "/var/l");
  CHECK(settings(lists + formatter + file + root + "[log]\nfile = /own\n").log.file == "/own");
}

TEST_CASE("%(key)s takes a key of the section or of [DEFAULT], in formats it stays") {
  const auto file = [](const std::string& path) {
    return settings("[DEFAULT]\ndir = /srv\n" + lists + formatter +
                    "[handler_h]\nname = l%%\nclass = FileHandler\nargs = ('" + path + "',)\n" +
                    root)
        .log.file;
  };
  CHECK(file("%(dir)s/l%%") == "/srv/l%");
  CHECK(file("%(dir)s/%(name)s") == "/srv/l%%");  // as Python: what comes in is not looked at again
  CHECK(file("/srv/l%%") == "/srv/l%%");
  CHECK(findings(lists + formatter + "[handler_h]\nclass = FileHandler\nargs = ('%(no)s',)\n" +
                 root) ==
        "rbit.ini:16: [handler_h] args: %(no)s names no key of this section\n"
        "rbit.ini:16: [handler_h] args: ends where a value should stand\n");
  CHECK(findings(lists + formatter + "[handler_h]\nclass = %(class)s%(class)s\nargs = ()\n" + root)
            .find("rbit.ini:15: [handler_h] class: its %(key)s lead back to themselves") == 0);
}

TEST_CASE("once one list is there the others must be") {
  CHECK(findings(sound + "[loggers]\nkeys = root\n[logger_root]\nhandlers =\n") ==
        "rbit.ini:6: [loggers] needs [handlers] beside it (keys = ... may be empty there)\n"
        "rbit.ini:6: [loggers] needs [formatters] beside it (keys = ... may be empty there)\n");
}

TEST_CASE("mistakes in the logging sections") {
  CHECK(findings(sound +
                 "[loggers]\nkeys = x\n[handlers]\nkeys = a, b, gone\n[formatters]\nkeys = f\n"
                 "[formatter_f]\nclass = my.Formatter\nformat = %(colour)s\n"
                 "[handler_a]\nclass = ColourHandler\nargs = (os.path.join('a'),)\nlevel = LOUD\n"
                 "[handler_b]\nclass = FileHandler\nformatter = g\n"
                 "[logger_x]\nhandlers = c\npropagate = 2\n") ==
        "rbit.ini:7: [loggers] keys: 'root' must be among them\n"
        "rbit.ini:9: [handlers] keys: no [handler_gone]\n"
        "rbit.ini:13: [formatter_f] class: 'my.Formatter' is not known (known: "
        "logging.Formatter)\n"
        "rbit.ini:14: warning: [formatter_f] format: %(colour) is not known\n"
        "rbit.ini:16: [handler_a] class: 'ColourHandler' is not known (known: StreamHandler, "
        "FileHandler, NullHandler, handlers.WatchedFileHandler, handlers.RotatingFileHandler, "
        "handlers.TimedRotatingFileHandler, handlers.SysLogHandler)\n"
        "rbit.ini:17: [handler_a] args: 'os.path.join' is neither text, number nor a known name\n"
        "rbit.ini:18: [handler_a] level: 'LOUD' is not known (known: CRITICAL, ERROR, WARN, "
        "WARNING, INFO, DEBUG, NOTSET)\n"
        "rbit.ini:19: [handler_b] 'args' is missing\n"
        "rbit.ini:21: [handler_b] formatter: 'g' is not in [formatters] keys\n"
        "rbit.ini:22: [logger_x] 'qualname' is missing\n"
        "rbit.ini:23: [logger_x] handlers: 'c' is not in [handlers] keys\n"
        "rbit.ini:24: [logger_x] propagate: '2' is not 0 or 1\n");
}
