#pragma once

#include <doctest/doctest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "rbit/run/artifacts.h"
#include "tests/support/files.h"
#include "tests/support/temp_dir.h"

namespace rbit::test {

/// A job's directories, and what it orders to be kept.
struct Build {
  TempDir place;
  ArtifactOrder order;
  KeptArtifacts said;  // of the last one that succeeded

  Build() {
    order.work_dir = place / "work";
    order.tmp_dir = place / "tmp";
    order.output_dir = place / "out";
    for (const auto& path : {order.work_dir, order.tmp_dir, order.output_dir})
      std::filesystem::create_directory(path);
  }
  void makes(const std::string& path, const std::string& text = "text") {
    std::filesystem::create_directories(
        std::filesystem::path(order.work_dir + "/" + path).parent_path());
    write_file(order.work_dir + "/" + path, text);
  }
  Build& names(const std::string& path, const std::string& kind = "") {
    order.named.push_back({path, kind});
    return *this;
  }
  /// The final paths below the output directory; an error is one element "!...".
  std::vector<std::string> kept() {
    const auto result = collect_artifacts_blocking(order);
    if (!result) return {"!" + result.error().text()};
    std::vector<std::string> paths;
    said = *result;
    for (const auto& artifact : result->artifacts) {
      CHECK(artifact.path.starts_with(order.output_dir + "/"));
      CHECK(std::filesystem::is_regular_file(artifact.path));
      paths.push_back(artifact.path.substr(order.output_dir.size() + 1));
    }
    return paths;
  }
  /// True if it is refused for this reason and nothing came into the output directory.
  bool refuses(const std::string& reason) {
    const auto before = names_in(order.output_dir);
    const auto result = kept();
    INFO((result.empty() ? std::string() : result.front()));
    const bool good = result.size() == 1 && result.front().front() == '!' &&
                      result.front().find(reason) != std::string::npos;
    CHECK(good);
    CHECK(names_in(order.output_dir) == before);
    return good;
  }
};

}  // namespace rbit::test
