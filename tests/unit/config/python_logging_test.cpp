#include "config_file.h"

using namespace rbit;
using namespace rbit::config;
using namespace rbit::test;

namespace {

using Kind = log::HandlerSettings::Kind;

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

TEST_CASE("a handler is made of its class, args, level and formatter") {
  const auto made = [](const std::string& type, const std::string& args) {
    const auto log = settings(lists + "[formatter_f]\nformat = %(asctime)s %(message)s\n" +
                              "datefmt = %H:%M\n[handler_h]\nclass = " + type + "\nargs = " + args +
                              "\nlevel = ERROR\nformatter = f\n" + root)
                         .log;
    REQUIRE(log.handlers.size() == 1);
    CHECK(log.handlers[0].level == log::Level::error);
    CHECK(log.handlers[0].format == "%(asctime)s %(message)s");
    CHECK(log.handlers[0].date_format == "%H:%M");
    return log.handlers[0];
  };
  CHECK(made("StreamHandler", "()").kind == Kind::standard_error);
  CHECK(made("logging.StreamHandler", "(sys.stdout,)").kind == Kind::standard_output);
  CHECK(made("NullHandler", "()").kind == Kind::nothing);
  const auto file = made("logging.FileHandler", "('/var/l', 'w')");
  CHECK(file.kind == Kind::file);
  CHECK(file.path == "/var/l");
  CHECK(file.truncate);
  CHECK(made("handlers.WatchedFileHandler", "('/var/l',)").kind == Kind::watched);
  const auto rotating = made("logging.handlers.RotatingFileHandler", "('/l', 'a', 1000000, 5)");
  CHECK(rotating.kind == Kind::rotating);
  CHECK(rotating.max_bytes == 1'000'000);
  CHECK(rotating.backups == 5);
  const auto timed = made("handlers.TimedRotatingFileHandler", "('/l', 'midnight', 2, 7)");
  CHECK(timed.kind == Kind::timed);
  CHECK(timed.when == "MIDNIGHT");
  CHECK(timed.interval == 2);
  CHECK(timed.backups == 7);
  const auto local =
      made("handlers.SysLogHandler", "('/dev/log', handlers.SysLogHandler.LOG_LOCAL3)");
  CHECK(local.kind == Kind::syslog);
  CHECK(local.path == "/dev/log");
  CHECK(local.facility == 19);
  const auto distant = made("handlers.SysLogHandler", "(('loghost', 5140),)");
  CHECK(distant.path.empty());
  CHECK(distant.host == "loghost");
  CHECK(distant.port == 5140);
  CHECK(distant.facility == 1);
}

TEST_CASE("loggers: names, levels, handlers, propagate") {
  const auto log =
      settings(sound + "[loggers]\nkeys = root, a, b, c\n[handlers]\nkeys = h, i\n[formatters]\n" +
               "keys =\n" + handler + "[handler_i]\nclass = NullHandler\nargs = ()\n" + root +
               "[logger_a]\nqualname = coyote.x\nhandlers = i, h\npropagate = 0\nlevel = NOTSET\n" +
               "[logger_b]\nqualname = roadrunners\nhandlers =\nlevel = DEBUG\n" +
               "[logger_c]\nqualname = pika\nhandlers = i\n")
          .log;
  REQUIRE(log.handlers.size() == 2);
  CHECK(log.handlers[0].format == "%(message)s");  // Python's, without a formatter
  REQUIRE(log.loggers.size() == 4);
  CHECK(log.loggers[0].name.empty());
  CHECK(log.loggers[0].level == log::Level::warning);
  CHECK(log.loggers[0].handlers == std::vector<int>{0});
  CHECK(log.loggers[1].name == "rbit.x");
  CHECK_FALSE(log.loggers[1].level);
  CHECK(log.loggers[1].handlers == std::vector<int>{1, 0});
  CHECK_FALSE(log.loggers[1].propagate);
  CHECK(log.loggers[2].name == "roadrunners");
  CHECK(log.loggers[2].level == log::Level::debug);
  CHECK(log.loggers[3].propagate);
}

TEST_CASE("[log] wins: its file over the handlers, its format over theirs, its level") {
  const std::string file =
      "[handler_h]\nclass = FileHandler\nargs = ('/var/l', 'a')\nlevel = ERROR\n";
  auto log = settings(lists + formatter + file + root + "[log]\nfile = /own\n").log;
  REQUIRE(log.handlers.size() == 1);
  CHECK(log.handlers[0].path == "/own");
  CHECK(log.handlers[0].level == log::Level::debug);
  CHECK(log.loggers[0].handlers == std::vector<int>{0});
  CHECK(log.loggers[0].level == log::Level::warning);
  log = settings(lists + formatter + file + root + "[log]\nformat = generic\n").log;
  CHECK(log.handlers[0].path == "/var/l");
  CHECK(log.handlers[0].format == log::generic_format);
  CHECK_FALSE(log.handlers[0].with_facts);
  log = settings(lists + formatter + file + root + "[log]\nformat = text\n").log;
  CHECK(log.handlers[0].with_facts);
  log = settings(lists + formatter + file + root + "[log]\nformat = json\nlevel = debug\n").log;
  CHECK(log.handlers[0].json);
  CHECK(log.handlers[0].level == log::Level::error);  // a handler's own
  CHECK(log.loggers[0].level == log::Level::debug);
  Overrides overrides;
  overrides.debug = true;  // over both, in each handler
  log = ConfigFile(lists + formatter + file + root).load(overrides).settings.log;
  CHECK(log.handlers[0].level == log::Level::debug);
  CHECK(log.loggers[0].level == log::Level::debug);
}

TEST_CASE("where no handler is named nothing is silenced") {
  auto log = settings(lists + formatter + handler + "[logger_root]\nhandlers =\n").log;
  REQUIRE(log.handlers.size() == 2);
  CHECK(log.handlers[1].kind == Kind::standard_error);
  CHECK(log.loggers[0].handlers == std::vector<int>{1});
  CHECK(log.loggers[0].level == log::Level::info);  // as without these sections
}

TEST_CASE("show: the values of the sections, but those that something wins over") {
  const auto shown = [](const std::string& more) {
    return show(ConfigFile(lists + formatter + handler + root + more).load());
  };
  CHECK(shown("").find("args = ()\n") != std::string::npos);
  CHECK(shown("").find("format = %(message)s\n") != std::string::npos);
  CHECK(shown("").find("level = WARN\n") != std::string::npos);
  CHECK(shown("[log]\nfile = l\n").find("args") == std::string::npos);
  CHECK(shown("[log]\nlevel = INFO\n").find("level = WARN") == std::string::npos);
}

TEST_CASE("%(key)s takes a key of the section or of [DEFAULT], in formats it stays") {
  const auto file = [](const std::string& path) {
    return settings("[DEFAULT]\ndir = /srv\n" + lists + formatter +
                    "[handler_h]\nname = l%%\nclass = FileHandler\nargs = ('" + path + "',)\n" +
                    root)
        .log.handlers.at(0)
        .path;
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

TEST_CASE("a format at which Python failed with each record") {
  CHECK(findings(lists + "[formatter_f]\nformat = 100% %(message)s\n" + handler + root) ==
        "rbit.ini:13: [formatter_f] format: '% %(message)s' is no %(name)s (write %% for a percent "
        "sign)\n");
}
