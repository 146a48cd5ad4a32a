#include "rbit/run/shell_program.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "tests/support/files.h"
#include "tests/support/temp_dir.h"

namespace rbit {

namespace {

const std::vector<std::string> environment{"PATH=/usr/bin:/bin"};

/// A script, looked at as by a job of that account; what is said of it, without its path.
class Script {
 public:
  Script(const std::string& text, mode_t mode = 0755) {
    test::write_file(path_, text);
    REQUIRE(::chmod(path_.c_str(), mode) == 0);
    REQUIRE(::chmod(directory_.path().c_str(), 0755) == 0);
  }
  std::string said(const Account& account = own_account()) const {
    const auto able = check_script(path_, account, environment);
    std::string text = able ? "" : able.error().text();
    for (auto at = text.find(path_); at != std::string::npos; at = text.find(path_))
      text.replace(at, path_.size(), "@");
    return text;
  }
  const std::string& path() const { return path_; }
  const std::string& directory() const { return directory_.path(); }

 private:
  const test::TempDir directory_;
  const std::string path_ = directory_.path() + "/s.sh";
};

/// Somebody who is not us and in no group of ours.
Account stranger() {
  Account account;
  account.uid = 54321;
  account.gid = 54321;
  account.name = "stranger";
  return account;
}

}  // namespace

TEST_CASE("a script needs the interpreter of its first line") {
  for (const char* good :
       {"#!/bin/sh\n", "#! /bin/sh -e\n", "#!/bin/sh", "#!/usr/bin/env sh\n",
        "echo no first line\n", "#!/usr/bin/env -S sh -e\n", "#!/usr/bin/env -i sh\n", "#!\n", "",
        "#!/bin/sh\necho\r\n", "\177ELF\r\n"})
    CHECK_MESSAGE(Script(good).said() == "", good);
  CHECK(Script("#!/no/such/int\n").said() ==
        "@: its interpreter /no/such/int is not there (install it, or correct the first line)");
  CHECK(Script("#!sh\n").said() ==
        "@: its interpreter sh is no whole path (write such as #!/bin/sh in the first line)");
  CHECK(Script("#!/etc/passwd\n").said().starts_with("@: its interpreter /etc/passwd cannot be"));
  CHECK(Script("#!/usr\n").said().starts_with("@: its interpreter /usr cannot be executed"));
  CHECK(Script("#!/usr/bin/env no-such-int\n")
            .said()
            .starts_with(
                "@: the interpreter of its first line: no-such-int: there is no such program"));
  CHECK(Script("#!/usr/bin/env -S no-such-int -x\n").said().find("no-such-int") !=
        std::string::npos);
  CHECK(Script("#!/usr/bin/env sh -e\n").said() ==
        "@: its first line gives env 'sh -e' as one word (write #!/usr/bin/env -S sh -e)");
}

TEST_CASE("carriage returns and byte order marks in a script are found") {
  for (const char* bad :
       {"#!/bin/sh\r\necho\r\n", "#!/bin/sh\r", "#!/usr/bin/env sh\r\n", "echo\r\n"})
    CHECK(
        Script(bad).said() ==
        "@: its lines end with a carriage return, as no interpreter wants them (dos2unix @, or sed "
        "-i 's/\\r$//' @)");
  CHECK(Script("\xEF\xBB\xBF#!/bin/sh\n").said().find("byte order mark") != std::string::npos);
}

TEST_CASE("the job's user must be able to read and execute a script") {
  CHECK(Script("#!/bin/sh\n", 0755).said(stranger()) == "");
  CHECK(Script("#!/bin/sh\n", 0700).said(stranger()) ==
        "@: user stranger may not execute it (chmod o+rx @)");
  CHECK(Script("#!/bin/sh\n", 0711).said(stranger()) ==
        "@: user stranger may not read it (chmod o+r @)");
  CHECK(Script("\177ELF", 0711).said(stranger()) == "");
  CHECK(Script("#!/bin/sh\n", 0644).said(stranger()) == "@: is not executable (chmod +x @)");
  CHECK(Script("#!/bin/sh\n", 0700).said() == "");
  Account group = stranger();
  group.groups = {::getegid()};
  CHECK(Script("#!/bin/sh\n", 0750).said(group) == "");
  CHECK(Script("#!/bin/sh\n", 0705).said(group).find("may not execute") != std::string::npos);
}

TEST_CASE("the job's user must be able to get to a script, through links too") {
  const Script script("#!/bin/sh\n");
  REQUIRE(::chmod(script.directory().c_str(), 0700) == 0);
  const std::string said = "user stranger may not pass through " + script.directory();
  CHECK(script.said(stranger()).find(said) != std::string::npos);
  const test::TempDir open;
  REQUIRE(::chmod(open.path().c_str(), 0755) == 0);
  const std::string link = open.path() + "/link";
  REQUIRE(::symlink(script.path().c_str(), link.c_str()) == 0);
  const auto able = check_script(link, stranger(), environment);
  REQUIRE_FALSE(able.has_value());
  CHECK(able.error().reason == said);
  CHECK_FALSE(check_script(open.path() + "/none", own_account(), environment).has_value());
}

}  // namespace rbit
