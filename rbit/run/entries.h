#pragma once

#include <dirent.h>
#include <fcntl.h>

#include <memory>
#include <string_view>

#include "rbit/base/fd.h"

namespace rbit {

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
