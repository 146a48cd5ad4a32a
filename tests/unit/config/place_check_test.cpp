#include <doctest/doctest.h>

#include <filesystem>

#include "config_file.h"

using namespace rbit;
using namespace rbit::config;
using namespace rbit::test;

namespace {

/// What is said of these three directories in a file: errors with "! " before them.
std::string said(const std::string& state, const std::string& work, const std::string& output) {
  const auto key = [](const char* name, const std::string& value) {
    return value.empty() ? "" : std::string(name) + " = " + value + "\n";
  };
  const ConfigFile file("[rbit]\nqueue-mappings = q:e\n" + key("state-dir", state) +
                        key("work-dir", work) + "[runner:e]\nrunner = shell!true\n" +
                        key("output-dir", output));
  std::filesystem::create_directory(file.directory() + "/real");
  std::filesystem::create_directory_symlink("real", file.directory() + "/link");
  const auto loaded = file.load();
  std::string out;
  for (const auto& finding : loaded.findings) out += "! " + finding.text + "\n";
  for (const auto& doubt : loaded.doubts) out += doubt.text + "\n";
  for (auto at = out.find(file.directory()); at != std::string::npos;
       at = out.find(file.directory()))
    out.replace(at, file.directory().size(), "@");
  return out;
}

}  // namespace

TEST_CASE("three directories of their own have nothing to tell") {
  CHECK(said("s", "", "") == "");
  CHECK(said("s", "w", "o/%ID/%JOB") == "");
  CHECK(said("s", "s/work", "s/output") == "");
  CHECK(said("s", "s/w", "s/output/x") == "");
  CHECK(said("s", "logs", "/srv/%ID") == "");
}

TEST_CASE("/ is no directory of rbit's") {
  CHECK(said("/", "w", "o") ==
        "! [rbit] state-dir: is the root of all directories (name one of rbit's own)\n");
  CHECK(said("s", "/", "o") ==
        "! [rbit] work-dir: is the root of all directories (name one of rbit's own)\n");
  CHECK(said("s", "w", "//") ==
        "! [runner:e] output-dir: is the root of all directories (name one for artifacts)\n");
  CHECK(said("s", "/x/..", "").starts_with("! [rbit] work-dir: is the root"));
}

TEST_CASE("a work directory among rbit's own files or artifacts is refused") {
  const std::string twice = "! [rbit] work-dir: is state-dir, too (name another directory; ";
  CHECK(said("s", "s/", "") == twice + "@/s/work is the default)\n");
  CHECK(said("s", "./x/../s", "").starts_with(twice));
  CHECK(said("real", "link", "").starts_with(twice));
  for (const std::string part : {"logs", "records", "output", "output/x"})
    CHECK(said("s", "s/" + part, "") == "! [rbit] work-dir: lies in @/s/" +
                                            part.substr(0, part.find('/')) +
                                            ", which is state-dir's own (name another directory; "
                                            "@/s/work is the default)\n");
  CHECK(said("s", "w", "w") ==
        "! [runner:e] output-dir: is work-dir, too (name another directory)\n");
  CHECK(said("w/s", "w", "") ==
        "[rbit] work-dir: @/w holds state-dir @/w/s (give each a place of its own)\n");
}

TEST_CASE("artifacts among other files of rbit's are doubted") {
  CHECK(said("s", "w", "s") ==
        "[runner:e] output-dir: @/s is within state-dir, where rbit has files of its own "
        "(@/s/output is the default)\n");
  for (const std::string part : {"logs", "records/%ID", "x"})
    CHECK(said("s", "w", "s/" + part).find("is within state-dir") != std::string::npos);
  CHECK(said("s", "w", "w/o/%ID") ==
        "[runner:e] output-dir: lies in work-dir @/w (name a directory outside)\n");
  CHECK(said("s", "o/w", "o") ==
        "[runner:e] output-dir: holds work-dir @/o/w (name another directory)\n");
}

TEST_CASE("an empty path is said to be empty") {
  CHECK(findings("[rbit]\nqueue-mappings = q:e\nwork-dir =\n[runner:e]\nrunner = shell!x\n") ==
        "rbit.ini:3: [rbit] work-dir: is empty (name a directory, or leave it out)\n");
}
