#include "config_file.h"

using namespace rbit;
using namespace rbit::config;
using namespace rbit::test;

namespace {

std::string all(const ConfigFile& file) {
  std::string out;
  for (const auto& line : file.lines()) out += line + "\n";
  return out;
}

}  // namespace

TEST_CASE("included files add sections, keys and mappings; the last one's key counts") {
  const ConfigFile file(
      "[rbit]\nname = bench\nslots = 2\ninclude = more.ini, conf.d/*.ini conf.d/none-*.ini\n"
      "queue-mappings = q:echo\n[runner:echo]\nrunner = shell!echo\n[DEFAULT]\nplace = here\n");
  std::filesystem::create_directory(file.directory() + "/conf.d");
  file.write("more.ini", "[rbit]\nslots = 3\n[runner:echo]\ntimeout = 5\n", 0600);
  file.write("conf.d/2.ini",
             "[rbit]\nslots = 5\nqueue-mappings =\n  s:two\n[runner:two]\n"
             "runner = shell!echo two\n",
             0600);
  file.write("conf.d/1.ini",
             "[rbit]\nslots = 4\nqueue-mappings = r:one\n[runner:one]\n"
             "runner = shell!echo one\n",
             0600);
  CHECK(all(file) == "");
  const auto loaded = file.load();
  const auto& settings = loaded.settings;
  CHECK(settings.slots == 5);
  REQUIRE(settings.queues.size() == 3);
  CHECK(settings.queues[0].queue == "q");
  CHECK(settings.queues[1].queue == "r");
  CHECK(settings.queues[2].queue == "s");
  CHECK(settings.queues[2].place.line == 4);
  CHECK(settings.queues[2].place.file == file.directory() + "/conf.d/2.ini");
  CHECK(settings.runners.at("echo").policy.timeout == std::chrono::seconds(5));
  CHECK(settings.runners.at("two").policy.settings.at("place") == "here");
  REQUIRE(loaded.files.size() == 4);
  CHECK(show(loaded).find("/conf.d/2.ini:2) slots = 5\n") != std::string::npos);
}

TEST_CASE("mistakes of included files stand at their own lines, the first file's come first") {
  const ConfigFile file(sound + "timout = 3\n");
  file.write("rbit.ini",
             "[rbit]\ninclude = a.ini gone.ini a.ini /*/x.ini\nqueue-mappings = q:echo\n"
             "[runner:echo]\nrunner = shell!echo\ntimout = 3\n",
             0600);
  file.write("a.ini",
             "junk\n[rbit]\ninclude = b.ini\n  c.ini\nqueue-mappings =\n  q:other\n  x:ecoh\n"
             "poll-time = 0\n",
             0600);
  CHECK(all(file) ==
        "rbit.ini:2: [rbit] include: gone.ini: No such file or directory (correct the path, or "
        "write the file)\n"
        "rbit.ini:2: [rbit] include: 'a.ini' is read twice\n"
        "rbit.ini:2: [rbit] include: '/*/x.ini' has a wildcard in the name of a directory\n"
        "rbit.ini:6: warning: [runner:echo] unknown key 'timout' (did you mean 'timeout'?)\n"
        "a.ini:1: text before the first [section]\n"
        "a.ini:3: [rbit] include: an included file cannot include others (name them in the first "
        "file)\n"
        "a.ini:6: [rbit] queue-mappings: 'q' is named twice (first at rbit.ini:3)\n"
        "a.ini:7: [rbit] queue-mappings: no [runner:ecoh] (did you mean [runner:echo]?)\n"
        "a.ini:8: [rbit] poll-time: '0' is not a whole number of seconds from 1\n");
}

TEST_CASE("who may write to an included file, or read its password") {
  const ConfigFile file(
      "[rbit]\ninclude = a.ini\nqueue-mappings = q:echo\n[runner:echo]\n"
      "runner = shell!echo\n");
  ::chmod(file.directory().c_str(), 0755);
  file.write("a.ini", "[amqp]\nuser = u\npassword = topsecret\n", 0666);
  CHECK(all(file) ==
        "a.ini: anybody may change a.ini (chmod go-w a.ini)\n"
        "a.ini:3: [amqp] password: all users may read it here (chmod 600 a.ini, or write "
        "password-file)\n");
  file.write("a.ini", "[amqp]\nuser = u\npassword = topsecret\n", 0600);
  CHECK(all(file) == "");
  CHECK(show(file.load()).find("topsecret") == std::string::npos);
}
