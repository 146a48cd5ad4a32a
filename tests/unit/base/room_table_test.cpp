#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

// The house's drawing is the table in rbit/README.rst; this test holds the #include lines to it.

namespace {

namespace fs = std::filesystem;
using Includes = std::map<std::string, std::set<std::string>>;  // file: what it includes, of ours
using Complaints = std::vector<std::string>;

struct Room {
  std::vector<std::string> folders;
  std::set<std::string> may_include;
};
using Table = std::map<std::string, Room>;

std::vector<std::string> words(std::string text) {
  std::replace(text.begin(), text.end(), ',', ' ');
  std::istringstream in(text);
  return {std::istream_iterator<std::string>(in), {}};
}

/// The simple RST table whose first column is headed "room": three columns, marked by its rulers.
Table read_table(std::istream& in) {
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  const auto head = std::find_if(lines.begin(), lines.end(),
                                 [](const auto& line) { return line.starts_with("room  "); });
  Table table;
  if (head == lines.begin() || head == lines.end()) return table;
  const std::string& ruler = *(head - 1);
  const auto second = ruler.find('=', ruler.find(' '));
  const auto third = ruler.find('=', ruler.find(' ', second));
  for (auto line = head + 2; line != lines.end() && !line->starts_with("==="); ++line) {
    Room& room = table[words(line->substr(0, second)).at(0)];
    room.folders = words(line->substr(second, third - second));
    for (const auto& name : words(line->substr(third)))
      if (name != "nothing") room.may_include.insert(name);
  }
  return table;
}

std::string room_of(const Table& table, const std::string& file) {
  std::string found;
  std::size_t longest = 0;
  for (const auto& [name, room] : table) {
    for (const auto& folder : room.folders) {
      if (folder.size() > longest && file.starts_with(folder + "/")) {
        found = name;
        longest = folder.size();
      }
    }
  }
  return found;
}

/// The files of a circle that `next` leads into, or nothing.
std::string find_circle(const Includes& graph) {
  std::set<std::string> done, open;
  std::string circle;
  const auto visit = [&](const auto& self, const std::string& at) -> void {
    if (!circle.empty() || done.contains(at)) return;
    if (!open.insert(at).second) {
      circle = at;
      return;
    }
    if (const auto found = graph.find(at); found != graph.end()) {
      for (const auto& next : found->second) {
        self(self, next);
        if (!circle.empty()) {
          circle += " <- " + at;
          return;
        }
      }
    }
    open.erase(at);
    done.insert(at);
  };
  for (const auto& [start, next] : graph) visit(visit, start);
  return circle;
}

Complaints complaints(const Table& table, const Includes& files) {
  Complaints found;
  Includes rooms;
  for (const auto& [name, room] : table) {
    rooms[name] = room.may_include;
    for (const auto& other : room.may_include)
      if (!table.contains(other)) found.push_back("the table knows no room " + other);
  }
  if (const auto circle = find_circle(rooms); !circle.empty())
    found.push_back("a circle of rooms: " + circle);
  for (const auto& [file, includes] : files) {
    const std::string room = room_of(table, file);
    if (room.empty()) {
      found.push_back(file + " lies in no room");
      continue;
    }
    for (const auto& include : includes) {
      const std::string other = room_of(table, include);
      if (other != room && !table.at(room).may_include.contains(other))
        found.push_back(file + " (" + room + ") includes " + include + " (" +
                        (other.empty() ? "no room" : other) + ")");
    }
  }
  if (const auto circle = find_circle(files); !circle.empty())
    found.push_back("a circle of files: " + circle);
  return found;
}

/// What stands between the quotes or brackets of an #include line, or "".
std::string included(const std::string& line) {
  const auto hash = line.find_first_not_of(" \t");
  if (hash == std::string::npos || line[hash] != '#') return "";
  const auto word = line.find_first_not_of(" \t", hash + 1);
  if (word == std::string::npos || line.compare(word, 7, "include") != 0) return "";
  const auto begin = line.find_first_of("\"<", word);
  const auto end = line.find_first_of("\">", begin == std::string::npos ? begin : begin + 1);
  return end == std::string::npos ? "" : line.substr(begin + 1, end - begin - 1);
}

/// Every source below rbit/ and runners/, with those of its includes that are files of ours.
Includes read_sources(const fs::path& root) {
  static const std::set<std::string> endings{".h", ".hpp", ".c", ".cpp"};
  Includes files;
  for (const auto* top : {"rbit", "runners"}) {
    for (const auto& entry : fs::recursive_directory_iterator(root / top)) {
      if (!entry.is_regular_file() || !endings.contains(entry.path().extension().string()))
        continue;
      auto& includes = files[fs::relative(entry.path(), root).string()];
      std::ifstream in(entry.path());
      for (std::string line; std::getline(in, line);) {
        const std::string name = included(line);
        if (name.empty()) continue;
        // As the compiler looks for it: from the top, among the installed headers, beside the file.
        for (const auto& place : {root / name, root / "runners/plugin/include" / name,
                                  entry.path().parent_path() / name}) {
          if (!fs::is_regular_file(place)) continue;
          includes.insert(fs::relative(place, root).lexically_normal().string());
          break;
        }
      }
    }
  }
  return files;
}

}  // namespace

TEST_CASE("no room of the house includes what the table in rbit/README.rst does not allow") {
  const fs::path root(RBIT_SOURCE_DIR);
  std::ifstream readme(root / "rbit/README.rst");
  const Table table = read_table(readme);
  REQUIRE(table.size() > 5);
  for (const auto& [name, room] : table) {
    for (const auto& folder : room.folders)
      CHECK_MESSAGE(fs::is_directory(root / folder), "no folder ", folder);
  }
  const Includes files = read_sources(root);
  CHECK(files.size() > 20);
  for (const auto& complaint : complaints(table, files)) FAIL_CHECK(complaint);
}

TEST_CASE("the check of the rooms finds what it is for") {
  std::istringstream text(
      "Text\n\n"
      "=====  =========  ============\n"
      "room   folders    may include\n"
      "=====  =========  ============\n"
      "base   rbit/base  nothing\n"
      "run    rbit/run,  base\n"
      "app    rbit/app   base, run\n"
      "=====  =========  ============\n");
  Table table = read_table(text);
  REQUIRE(table.size() == 3);
  const Includes good{{"rbit/app/a.cpp", {"rbit/run/r.h", "rbit/base/b.h", "rbit/app/a.h"}},
                      {"rbit/run/r.h", {"rbit/base/b.h"}}};
  CHECK(complaints(table, good) == Complaints{});
  CHECK(complaints(table, {{"rbit/base/b.h", {"rbit/run/r.h"}}}) ==
        Complaints{"rbit/base/b.h (base) includes rbit/run/r.h (run)"});
  CHECK(complaints(table, {{"rbit/base/b.h", {"tests/t.h"}}}) ==
        Complaints{"rbit/base/b.h (base) includes tests/t.h (no room)"});
  CHECK(complaints(table, {{"rbit/new/n.h", {}}}) == Complaints{"rbit/new/n.h lies in no room"});
  CHECK(
      complaints(table, {{"rbit/run/a.h", {"rbit/run/b.h"}}, {"rbit/run/b.h", {"rbit/run/a.h"}}}) ==
      Complaints{"a circle of files: rbit/run/a.h <- rbit/run/b.h <- rbit/run/a.h"});
  table["base"].may_include = {"app"};
  CHECK(complaints(table, {}).size() == 1);
  CHECK(included("  #  include \"rbit/base/b.h\"  // why") == "rbit/base/b.h");
  CHECK(included("#include <rbit/plugin.h>") == "rbit/plugin.h");
  CHECK(included("// #include \"x\"") == "");
}

TEST_CASE("one place asks which broker the settings name, beside the room that reads them") {
  const fs::path root(RBIT_SOURCE_DIR);
  std::vector<std::string> asking;
  for (const auto& entry : fs::recursive_directory_iterator(root / "rbit")) {
    const std::string name = fs::relative(entry.path(), root).string();
    if (!entry.is_regular_file() || name.starts_with("rbit/config/")) continue;
    std::ifstream file(entry.path());
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    if (text.find("broker.local") != std::string::npos) asking.push_back(name);
  }
  CHECK(asking == std::vector<std::string>{"rbit/app/brokers.cpp"});
}
