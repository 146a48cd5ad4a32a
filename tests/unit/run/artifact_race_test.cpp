// Another process of the job's account goes on while artifacts are collected: it swaps directories
// for links out of the workspace, again and again.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <thread>

#include "rbit/run/artifact_store.h"
#include "rbit/run/artifacts.h"
#include "rbit/run/workspace.h"
#include "tests/support/files.h"

namespace rbit {

namespace {

namespace fs = std::filesystem;

constexpr int files = 8;

/// In memory where that is possible: the rounds sync a lot.
std::string fresh_place() {
  std::string name =
      ::access("/dev/shm", W_OK) == 0 ? "/dev/shm/rbit-race-XXXXXX" : "/var/tmp/rbit-race-XXXXXX";
  REQUIRE(::mkdtemp(name.data()) != nullptr);
  return name;
}

/// A workspace, an output directory and a directory outside, whose files must stay as they are.
struct Scene {
  const std::string place = fresh_place();
  const std::string work = place + "/work", output = place + "/out", outside = place + "/outside";

  Scene() {
    for (const auto& path : {work, output, outside}) fs::create_directory(path);
    for (int i = 0; i < files; ++i) test::write_file(outside + "/" + name(i), "precious");
  }
  ~Scene() { (void)remove_tree(place); }
  static std::string name(int i) { return "f" + std::to_string(i) + ".txt"; }
  bool is_outside_whole() const {
    if (test::names_in(outside).size() != files) return false;
    for (int i = 0; i < files; ++i)
      if (test::read_file(outside + "/" + name(i)) != "precious") return false;
    return true;
  }
  /// Nothing of it was kept as the job's.
  bool is_output_clean() const {
    for (const auto& entry : fs::recursive_directory_iterator(output))
      if (entry.is_regular_file() && test::read_file(entry.path()) == "precious") return false;
    return true;
  }
};

/// Swaps two names as fast as it can, until it goes.
class Swapper {
 public:
  Swapper(std::string one, std::string other)
      : thread_([this, one = std::move(one), other = std::move(other)] {
          while (!over_) {
            ::renameat2(AT_FDCWD, one.c_str(), AT_FDCWD, other.c_str(), RENAME_EXCHANGE);
            ++swaps_;
          }
        }) {}
  ~Swapper() {
    over_ = true;
    thread_.join();
  }
  int swaps() const { return swaps_; }

 private:
  std::atomic<bool> over_{false};
  std::atomic<int> swaps_{0};
  std::thread thread_;
};

}  // namespace

TEST_CASE("artifacts of a directory that is swapped for a link: nothing outside is lost or kept") {
  Scene scene;
  ArtifactOrder order;
  order.work_dir = scene.work;
  order.output_dir = scene.output;
  fs::create_directory(scene.work + "/sub");
  fs::create_directory_symlink(scene.outside, scene.work + "/link");
  for (int i = 0; i < files; ++i) order.named.push_back({"sub/" + Scene::name(i), ""});
  SUBCASE("named") {}
  SUBCASE("by pattern") {
    order.named.clear();
    order.globs = {"sub/*.txt", "**/*.txt"};
  }

  const Fd sub(::open((scene.work + "/sub").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  int kept = 0;
  const Swapper swapper(scene.work + "/sub", scene.work + "/link");
  for (int round = 0; round < 500; ++round) {
    for (int i = 0; i < files; ++i) {
      const Fd file(
          ::openat(sub.get(), Scene::name(i).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
      REQUIRE(::pwrite(file.get(), "mine", 4, 0) == 4);
    }
    if (const auto result = collect_artifacts_blocking(order))
      kept += static_cast<int>(result->artifacts.size());
    if (!scene.is_outside_whole() || !scene.is_output_clean()) FAIL("round " << round);
  }
  CHECK(kept > 0);  // or nothing was tried
  CHECK(swapper.swaps() > 10);
}

TEST_CASE("a workspace is removed while a directory of it is swapped for a link") {
  Scene scene;
  for (int round = 0; round < 200; ++round) {
    const std::string sub = scene.work + "/a/sub", link = scene.work + "/a/link";
    fs::create_directories(sub + "/deep/deeper");
    for (int i = 0; i < files; ++i) test::write_file(sub + "/" + Scene::name(i), "mine");
    fs::create_directory_symlink(scene.outside, link);
    {
      const Swapper swapper(sub, link);
      (void)remove_tree(scene.work);
    }
    (void)remove_tree(scene.work);
    CHECK_FALSE(fs::exists(scene.work));
    if (!scene.is_outside_whole()) FAIL("round " << round);
  }
}

TEST_CASE("a directory of the output directory is swapped for a link") {
  Scene scene;
  const std::atomic<bool> never{false};
  fs::create_directory(scene.output + "/dist");
  fs::create_directory_symlink(scene.outside, scene.output + "/link");
  const Swapper swapper(scene.output + "/dist", scene.output + "/link");
  int put = 0;
  for (int round = 0; round < 300; ++round) {
    ArtifactStore store;
    REQUIRE(store.open(scene.output, "", 0755, "job").has_value());
    bool good = true;
    for (int i = 0; i < files && good; ++i) {
      test::write_file(scene.work + "/" + Scene::name(i), "mine");
      const Fd file(::open((scene.work + "/" + Scene::name(i)).c_str(), O_RDONLY | O_CLOEXEC));
      struct stat info {};
      REQUIRE(::fstat(file.get(), &info) == 0);
      const auto number = store.add(file.get(), info, never);
      REQUIRE(number.has_value());
      const auto done = store.put(*number, "dist/" + Scene::name(i));
      good = done && done->obstacle.empty();
      put += good ? 1 : 0;
      ::unlink((scene.work + "/" + Scene::name(i)).c_str());
    }
    // Every other one is taken back, and what finds the link in its directory's place just now.
    if (good && round % 2 == 0) (void)store.finish();
  }
  CHECK(put > 0);
  CHECK(scene.is_outside_whole());
}

}  // namespace rbit
