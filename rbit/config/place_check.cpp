#include <filesystem>
#include <string>

#include "rbit/config/sections.h"

namespace rbit::config {

namespace {

/// A directory that the file names, or one that is made below such a one.
struct Directory {
  std::string key;    // "state-dir"
  std::string shown;  // "[rbit] state-dir"
  std::string path;   // with links followed as far as it is there
  Place place;        // line 0: the default
};

bool is_said(const Directory& directory) {
  return directory.place.line > 0;
}

/// Of an output-dir, all before the first placeholder of a job.
std::string fixed_part(const std::string& path) {
  const auto percent = path.find('%');
  return percent == std::string::npos ? path : path.substr(0, path.rfind('/', percent));
}

std::string resolved(const std::string& path) {
  std::error_code failed;
  const auto canonical = std::filesystem::weakly_canonical(path.empty() ? "/" : path, failed);
  std::string whole = failed ? path : canonical.string();
  while (whole.size() > 1 && whole.ends_with('/')) whole.pop_back();
  return whole;
}

bool is_below(const std::string& path, const std::string& directory) {
  return path.starts_with(directory + "/");
}

class PlaceCheck {
 public:
  explicit PlaceCheck(Loaded& loaded) : loaded_(loaded) {}

  void check() {
    const Settings& settings = loaded_.settings;
    if (settings.state_dir.empty() || settings.work_dir.empty()) return;  // said already
    const Directory state = directory("rbit", "state-dir", settings.state_dir);
    const Directory work = directory("rbit", "work-dir", settings.work_dir);
    if (is_root(state) || is_root(work)) return;
    check_work(state, work);
    for (const auto& [name, runner] : settings.runners) {
      if (runner.policy.output_dir.empty()) continue;
      const std::string& path = runner.policy.output_dir;
      const Directory output = directory("runner:" + name, "output-dir", fixed_part(path));
      if (output.path == "/" && path.find('%') == std::string::npos) {
        refuse(output, "is the root of all directories (name one for artifacts)");
      } else if (output.path != "/") {
        check_output(state, work, output);
      }
    }
  }

 private:
  /// Where the key stands is told by the noted values; [coyote] is [rbit].
  Directory directory(const std::string& section, const std::string& key, const std::string& path) {
    Directory found{key, "[" + section + "] " + key, resolved(path), {}};
    for (const auto& value : loaded_.values)
      if (value.key == key && (value.section == section || section == "rbit")) {
        found.place = value.place;
        found.shown = "[" + value.section + "] " + key;
        if (value.section == section) break;
      }
    if (found.place.file.empty()) found.place.file = loaded_.settings.file;
    return found;
  }

  bool is_root(const Directory& directory) {
    if (directory.path != "/") return false;
    refuse(directory, "is the root of all directories (name one of rbit's own)");
    return true;
  }

  /// The directories of jobs, which are made and removed, and rbit's own files must not meet.
  void check_work(const Directory& state, const Directory& work) {
    if (work.path == state.path)
      return refuse(work, "is state-dir, too (name another directory; " + work.path +
                              "/work is the default)");
    for (const char* part : {"logs", "records", "output"}) {
      const std::string own = state.path + "/" + part;
      if (work.path == own || is_below(work.path, own))
        return refuse(work, "lies in " + own +
                                ", which is state-dir's own (name another directory; " +
                                state.path + "/work is the default)");
    }
    if (is_below(state.path, work.path))
      doubt(is_said(work) ? work : state,
            work.path + " holds state-dir " + state.path + " (give each a place of its own)");
  }

  void check_output(const Directory& state, const Directory& work, const Directory& output) {
    if (output.path == work.path)
      return refuse(output, "is work-dir, too (name another directory)");
    if (is_below(output.path, work.path))
      return doubt(output, "lies in work-dir " + work.path + " (name a directory outside)");
    if (is_below(work.path, output.path) && output.path != state.path)
      return doubt(output, "holds work-dir " + work.path + " (name another directory)");
    const bool is_default =
        output.path == state.path + "/output" || is_below(output.path, state.path + "/output");
    if (output.path == state.path || (is_below(output.path, state.path) && !is_default))
      return doubt(output, output.path + " is within state-dir, where rbit has files of its own (" +
                               state.path + "/output is the default)");
  }

  void refuse(const Directory& directory, const std::string& text) {
    loaded_.error(directory.place, directory.shown + ": " + text);
  }
  void doubt(const Directory& directory, const std::string& text) {
    loaded_.doubt(directory.place, directory.shown + ": " + text);
  }

  Loaded& loaded_;
};

}  // namespace

void check_directories(Loaded& loaded) {
  PlaceCheck(loaded).check();
}

}  // namespace rbit::config
