#include "rbit/config/secret_file.h"

#include "config_file.h"
#include "tests/support/environment.h"

using namespace rbit;
using namespace rbit::config;
using namespace rbit::test;

TEST_CASE("a secret is the text of the file without its last line end") {
  const ConfigFile place;
  CHECK(*read_secret_file(place.write("a", "x y\n", 0600)) == "x y");
  CHECK(*read_secret_file(place.write("b", "x\r\n", 0400)) == "x");
  CHECK(*read_secret_file(place.write("c", "x\n\n", 0600)) == "x\n");
}

TEST_CASE("a secret that others may open is none") {
  const ConfigFile place;
  for (const mode_t mode : {0640, 0604, 0620, 0601, 0666}) {
    const auto secret = read_secret_file(place.write("a", "x", mode));
    REQUIRE_FALSE(secret.has_value());
    CHECK(secret.error().reason == "is open to others");
  }
}

TEST_CASE("a secret file that is a directory, a pipe or endless is refused, not waited for") {
  const ConfigFile place;
  CHECK(read_secret_file(place.directory()).error().reason == "is no regular file");
  const std::string pipe = place.directory() + "/pipe";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  CHECK(read_secret_file(pipe).error().reason == "is no regular file");
  CHECK(read_text_file("/dev/zero").error().reason == "is no regular file");
  CHECK(read_text_file(place.write("big", std::string((4 << 20) + 1, 'x'), 0600)).error().reason ==
        "is larger than 4 MiB");
}

TEST_CASE("who could change a file: by itself, and by the directories above it") {
  const ConfigFile place;
  const std::string directory = place.directory() + "/d";
  REQUIRE(::mkdir(directory.c_str(), 0700) == 0);
  const std::string path = place.write("d/f", "x", 0644);
  const auto before = exposure_of(path).size();  // of /tmp and what is above, whatever it is there
  const auto added = [&] { return exposure_of(path).size() - before; };
  ::chmod(directory.c_str(), 0777);
  CHECK(added() == 1);
  ::chmod(directory.c_str(), 01777);  // sticky: as /tmp
  CHECK(added() == 0);
  ::chmod(directory.c_str(), 0770);
  CHECK(added() == 1);
  ::chmod(path.c_str(), 0646);
  CHECK(added() == 2);
}

TEST_CASE("who can read a file: by its mode, and those of the directories above it") {
  const ConfigFile place;
  const std::string path = place.write("f", "x", 0644);
  CHECK(readers_of(path) == Readers::none);  // the directory is 0700
  ::chmod(place.directory().c_str(), 0755);
  CHECK(readers_of(path) == Readers::all);
  ::chmod(path.c_str(), 0640);
  CHECK(readers_of(path) == Readers::group);
  ::chmod(path.c_str(), 0622);  // to write is another matter
  CHECK(readers_of(path) == Readers::none);
}

TEST_CASE("what systemd hands us is taken as it is") {
  const ConfigFile place;
  const std::string path = place.write("amqp-password", "x", 0440);
  CHECK_FALSE(read_secret_file(path).has_value());
  const Variable given("CREDENTIALS_DIRECTORY", place.directory().c_str());
  CHECK(read_secret_file(path).has_value());
}
