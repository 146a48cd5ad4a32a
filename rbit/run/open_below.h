#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <sys/types.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "rbit/base/fd.h"

namespace rbit {

enum class Mounts { enter, keep_out };

/// Opens `relative`, which must not lead out of `directory` nor through a symbolic link: openat2
/// with RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS. No descriptor: errno has it, ELOOP for a link,
/// EXDEV for what lies elsewhere. `flags` have O_CLOEXEC, O_NOFOLLOW and no O_CREAT.
Fd open_below(int directory, const std::string& relative, int flags, Mounts mounts);

/// The same part by part, for kernels before 5.6, valgrind and sandboxes, which have no openat2.
/// `open_below` comes here by itself.
Fd open_below_in_steps(int directory, const std::string& relative, int flags, Mounts mounts);

/// What `relative` leads to, with O_PATH: also through symbolic links, as long as these stay below
/// `directory`. An absolute link counts from there if it begins with one of `names`, the absolute
/// paths that `directory` has. EXDEV for what lies elsewhere.
Fd open_linked(int directory, const std::string& relative, const std::vector<std::string>& names);

/// A regular file that was opened with O_PATH, to read. Only so is nothing but a regular file ever
/// opened: of some devices that alone has consequences.
Fd open_again(const Fd& file);

/// Opens the directory `relative`, "" for `directory` itself, and makes what is missing of it with
/// `mode`; through no link. EPERM: one on the way was made by another user, or anybody may write to
/// it. `made`: which ones were made, as paths from `directory`.
Fd make_below(int directory, const std::string& relative, mode_t mode,
              std::vector<std::string>* made = nullptr);

/// What lies in a directory, entry by entry.
class Entries {
 public:
  /// Those of the directory `name` in `at`, through no link. None: errno says why.
  explicit Entries(int at, const char* name = ".") {
    Fd directory(::openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    stream_.reset(directory ? ::fdopendir(directory.get()) : nullptr);
    if (stream_) directory.release();
  }
  explicit operator bool() const { return stream_ != nullptr; }
  int directory() const { return ::dirfd(stream_.get()); }

  /// The next one, but for "." and ".."; nullptr after the last one.
  const dirent* next() {
    for (;;) {
      const dirent* entry = ::readdir(stream_.get());
      const std::string_view name = entry != nullptr ? entry->d_name : "";
      if (name != "." && name != "..") return entry;
    }
  }
  void rewind() { ::rewinddir(stream_.get()); }

 private:
  std::unique_ptr<DIR, int (*)(DIR*)> stream_{nullptr, ::closedir};
};

}  // namespace rbit
