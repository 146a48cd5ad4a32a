// Which record goes to which handler, and what syslog hears.
#include "rbit/log/log.h"

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "rbit/base/fd.h"
#include "rbit/base/result.h"
#include "rbit/base/secrets.h"
#include "rbit/log/name.h"
#include "tests/support/files.h"
#include "tests/support/temp_dir.h"
#include "tests/support/text.h"

using namespace rbit;
using log::HandlerSettings;
using log::Level;
using log::LoggerSettings;

namespace {

using Kind = HandlerSettings::Kind;

/// Handlers that write to files of a directory, and what stands there.
class Logging {
 public:
  ~Logging() { log::configure({}); }

  int file(const std::string& name, Level level = Level::debug,
           const std::string& format = "%(levelname)s %(name)s %(message)s") {
    HandlerSettings handler;
    handler.kind = Kind::file;
    handler.path = path(name);
    handler.level = level;
    handler.format = format;
    settings.handlers.push_back(handler);
    return static_cast<int>(settings.handlers.size()) - 1;
  }
  void logger(const std::string& name, std::optional<Level> level, std::vector<int> handlers,
              bool propagate = true) {
    settings.loggers.push_back({name, level, std::move(handlers), propagate});
  }
  static void say(const std::string& name, Level level, const std::string& text) {
    log::write(level, name, text, {}, BOOST_CURRENT_LOCATION);
  }
  std::string path(const std::string& name) const { return dir_.path() + "/" + name; }
  std::string read(const std::string& name) const {
    log::flush();
    return test::read_file(path(name));
  }

  log::Settings settings;

 private:
  test::TempDir dir_;
};

/// What one datagram brings; "" if there is none.
std::string heard(int socket) {
  char buffer[256];
  log::flush();
  const ssize_t got = ::recv(socket, buffer, sizeof buffer, MSG_DONTWAIT);
  return got < 0 ? "" : std::string(buffer, static_cast<std::size_t>(got));
}

}  // namespace

TEST_CASE("a record goes to the handlers of its logger and of its parents") {
  Logging logging;
  const int all = logging.file("all"), own = logging.file("own"), runners = logging.file("runners");
  logging.logger("", Level::warning, {all});
  logging.logger("rbit", Level::debug, {own});
  logging.logger("roadrunners", std::nullopt, {runners}, false);
  log::configure(logging.settings);
  log::debug("one");
  Logging::say("rbit.child", Level::info, "two");
  Logging::say("roadrunners", Level::info, "three");  // root's level
  Logging::say("roadrunners.x", Level::error, "four");
  Logging::say("stranger", Level::error, "five");
  CHECK(logging.read("own") == "DEBUG rbit one\nINFO rbit.child two\n");
  CHECK(logging.read("runners") == "ERROR roadrunners.x four\n");
  CHECK(logging.read("all") == "DEBUG rbit one\nINFO rbit.child two\nERROR stranger five\n");
}

TEST_CASE("the facts of a job show no secret, in text and in JSON") {
  Logging logging;
  const int text = logging.file("text"), json = logging.file("json");
  logging.settings.handlers[static_cast<std::size_t>(text)].with_facts = true;
  logging.settings.handlers[static_cast<std::size_t>(json)].json = true;
  logging.logger("", Level::info, {text, json});
  log::configure(logging.settings);
  secrets::hide("hunter-of-facts");
  log::info("hunter-of-facts", {{"key", "a-hunter-of-facts"}, {"package", "//me:pw@host"}});
  CHECK(logging.read("text").ends_with("*** (key=a-*** package=//***@host)\n"));
  const auto record = nlohmann::json::parse(logging.read("json"));
  CHECK(record["message"] == "***");
  CHECK(record["key"] == "a-***");
  CHECK(record["package"] == "//***@host");
}

TEST_CASE("each handler has its level and its format") {
  Logging logging;
  const int all = logging.file("all"), bad = logging.file("bad", Level::error, "%(levelno)d");
  logging.settings.handlers.push_back({});
  logging.settings.handlers.back().kind = Kind::nothing;
  logging.settings.handlers.push_back(logging.settings.handlers[0]);
  logging.settings.handlers.back().json = true;
  logging.settings.handlers.back().path = logging.path("json");
  logging.logger("", Level::info, {all, bad, 2, 3});
  log::configure(logging.settings);
  CHECK(log::enabled(Level::info));
  CHECK_FALSE(log::enabled(Level::debug));
  log::debug("no");
  log::info("yes");
  log::critical("help", {{"job", "36"}});
  CHECK(logging.read("all") == "INFO rbit yes\nCRITICAL rbit help\n");
  CHECK(logging.read("bad") == "50\n");
  const std::string json = logging.read("json");
  const auto record = nlohmann::json::parse(json.substr(json.find('\n') + 1));
  CHECK(record["levelname"] == "CRITICAL");
  CHECK(record["job"] == "36");
}

TEST_CASE("our own text: levels written whole, and the facts behind the message") {
  Logging logging;
  logging.file("text");
  logging.settings.handlers[0].with_facts = true;
  logging.logger("", Level::debug, {0});
  log::configure(logging.settings);
  log::warning("Job 36 failed", {{"job", "36"}, {"queue", "q"}, {"key", "a \"b\"=\n"}, {"x", ""}});
  log::critical("no job");
  log::debug("%(message)s", {{"job", "1"}});
  const std::string text = logging.read("text");
  CHECK(test::has(text,
                  " WARNING  [rbit] Job 36 failed (job=36 queue=q "
                  "key=\"a \\\"b\\\"=\\x0a\" x=\"\")\n"));
  CHECK(test::has(text, " CRITICAL [rbit] no job\n"));
  CHECK(test::has(text, " DEBUG    [rbit] %(message)s (job=1)\n"));
}

TEST_CASE("what runners log is heard where a logger is named for it") {
  Logging logging;
  const int all = logging.file("all");
  logging.logger("", Level::info, {all});
  log::configure(logging.settings);
  log::hand_on("roadrunners", "error", "unheard");
  CHECK_FALSE(log::level_of("roadrunners"));
  logging.logger("roadrunners", Level::debug, {});
  log::configure(logging.settings);
  CHECK(log::level_of("roadrunners") == Level::debug);
  log::hand_on("roadrunners", "debug", "one");
  log::hand_on("roadrunners", "Warning", "two");
  log::hand_on("roadrunners", "", "three");
  CHECK(logging.read("all") ==
        "DEBUG roadrunners one\nWARNING roadrunners two\nINFO roadrunners three\n");
}

TEST_CASE("our own loggers may be shown by another name, and are ours all the same") {
  Logging logging;
  logging.logger("rbit", Level::info, {logging.file("log")});
  log::configure(logging.settings);
  log::show_as("builds");
  log::info("one");
  Logging::say("rbit.child", Level::info, "two");
  log::show_as("");
  log::info("three");
  CHECK(logging.read("log") == "INFO builds one\nINFO builds.child two\nINFO rbit three\n");
}

TEST_CASE("nobody is asked where no handler takes the level") {
  Logging logging;
  logging.logger("", Level::debug, {logging.file("bad", Level::error)});
  log::configure(logging.settings);
  CHECK_FALSE(log::enabled(Level::warning));
  CHECK(log::enabled(Level::error));
}

TEST_CASE("files are opened again and keep what mode 'w' has written") {
  Logging logging;
  logging.logger("", Level::info, {logging.file("log")});
  logging.settings.handlers[0].truncate = true;
  test::write_file(logging.path("log"), "old\n");
  log::configure(logging.settings);
  log::info("one");
  log::reopen();
  log::info("two");
  CHECK(logging.read("log") == "INFO rbit one\nINFO rbit two\n");
  std::filesystem::rename(logging.path("log"), logging.path("log.1"));
  log::reopen();
  log::info("three");
  CHECK(logging.read("log") == "INFO rbit three\n");
}

TEST_CASE("a file that cannot be opened ends the start") {
  Logging logging;
  logging.file("x/");
  CHECK_THROWS_AS(log::configure(logging.settings), Fatal);
}

TEST_CASE("syslog by a socket: priority, text, NUL; a daemon started anew is found again") {
  Logging logging;
  logging.settings.handlers.resize(1);
  auto& handler = logging.settings.handlers[0];
  handler.kind = Kind::syslog;
  handler.path = logging.path("dev-log");
  handler.format = "%(name)s: %(message)s";
  handler.facility = 16;  // LOCAL0
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, handler.path.c_str());
  const auto daemon = [&](int type) {
    std::filesystem::remove(handler.path);
    Fd socket(::socket(AF_UNIX, type, 0));
    REQUIRE(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    if (type == SOCK_STREAM) REQUIRE(::listen(socket.get(), 1) == 0);
    return socket;
  };
  Fd socket = daemon(SOCK_DGRAM);
  log::configure(logging.settings);
  log::info("one");
  CHECK(heard(socket.get()) == std::string("<134>rbit: one\0", 15));
  socket = daemon(SOCK_DGRAM);
  log::critical("two");
  CHECK(heard(socket.get()) == std::string("<130>rbit: two\0", 15));
  socket = daemon(SOCK_STREAM);
  log::warning("three");
  const Fd stream(::accept(socket.get(), nullptr, nullptr));
  CHECK(heard(stream.get()) == std::string("<132>rbit: three\0", 17));
}

TEST_CASE("syslog by UDP, and where nobody listens nothing waits") {
  const Fd socket(::socket(AF_INET, SOCK_DGRAM, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  REQUIRE(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), size) == 0);
  REQUIRE(::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
  Logging logging;
  logging.settings.handlers.resize(2);
  for (auto& handler : logging.settings.handlers) {
    handler.kind = Kind::syslog;
    handler.host = "127.0.0.1";
    handler.port = ntohs(address.sin_port);
    handler.format = "%(message)s";
  }
  logging.settings.handlers[1].host.clear();
  logging.settings.handlers[1].path = logging.path("nobody");
  log::configure(logging.settings);
  log::error("one");
  CHECK(heard(socket.get()) == std::string("<11>one\0", 8));
}
