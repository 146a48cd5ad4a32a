#pragma once

#include <sqlite3.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <vector>

namespace rbit::test {

/// A disk in memory for SQLite, whose power can be cut: of what was written since the last sync of
/// a file, any sector may be there or not, and a file whose directory was not synced may be gone.
/// The default file system of this process while it lives. One at a time. SQLite uses it on the
/// loop, and the log is synced on another thread.
class PowerDisk {
 public:
  explicit PowerDisk(std::uint64_t seed) : random_(seed) {
    fill_in(vfs_, *this);
    sqlite3_vfs_register(&vfs_, 1);
  }
  ~PowerDisk() { sqlite3_vfs_unregister(&vfs_); }
  PowerDisk(const PowerDisk&) = delete;
  PowerDisk& operator=(const PowerDisk&) = delete;

  /// The power goes with the `step`th write, sync or truncation from now; 0: it stays.
  void cut_after(int step) {
    const Guard guard(mutex_);
    left_ = step;
  }
  bool is_dark() const {
    const Guard guard(mutex_);
    return dark_;
  }
  int steps() const {
    const Guard guard(mutex_);
    return steps_;
  }
  /// All bytes that were ever written.
  std::int64_t written() const {
    const Guard guard(mutex_);
    return written_;
  }
  /// From now on syncs do nothing and say that they did: what they are there for must show.
  void lie() {
    const Guard guard(mutex_);
    lies_ = true;
  }

  /// The machine is on again; what the disk kept is what there is. All files must be closed.
  void power_on() {
    const Guard guard(mutex_);
    if (!dark_) go_dark();
    for (auto at = files_.begin(); at != files_.end();) {
      File& file = *at->second;
      if (!file.named && coin()) {
        at = files_.erase(at);
        continue;
      }
      file.now = file.kept;
      file.pending.clear();
      file.named = true;
      ++at;
    }
    dark_ = false;
    left_ = 0;
  }

 private:
  using Guard = std::lock_guard<std::mutex>;
  static constexpr std::int64_t sector = 512;

  struct Write {
    std::int64_t at;
    std::string bytes;
    bool is_size = false;  // a truncation to `at`
  };
  struct File {
    std::string now;   // as the program sees it
    std::string kept;  // as it was at the last sync
    std::vector<Write> pending;
    bool named = false;  // its directory was synced
  };
  struct Handle {
    sqlite3_file base;
    File* file;
    PowerDisk* disk;
  };

  bool coin() { return (random_() & 1) != 0; }

  static void apply(std::string& to, std::int64_t at, std::string_view bytes) {
    const auto begin = static_cast<std::size_t>(at);
    if (to.size() < begin + bytes.size()) to.resize(begin + bytes.size(), '\0');
    to.replace(begin, bytes.size(), bytes);
  }

  /// Decides what the disk has kept. Nothing works from here.
  void go_dark() {
    dark_ = true;
    for (auto& [name, file] : files_) {
      // Now and then all or nothing of it, else sector by sector.
      const auto mood = random_() % 4;
      for (const Write& write : file->pending) {
        if (mood == 0) break;
        if (write.is_size) {
          if (mood == 1 || coin()) file->kept.resize(static_cast<std::size_t>(write.at), '\0');
          continue;
        }
        const auto size = static_cast<std::int64_t>(write.bytes.size());
        for (std::int64_t done = 0; done < size;) {
          const std::int64_t end =
              std::min(size, ((write.at + done) / sector + 1) * sector - write.at);
          const auto part =
              std::string_view(write.bytes)
                  .substr(static_cast<std::size_t>(done), static_cast<std::size_t>(end - done));
          if (mood == 1 || coin()) apply(file->kept, write.at + done, part);
          done = end;
        }
      }
    }
  }

  /// False: the power is off.
  bool step() {
    if (dark_) return false;
    ++steps_;
    if (left_ > 0 && --left_ == 0) go_dark();
    return !dark_;
  }

  // ---- what SQLite calls

  static Handle& handle_of(sqlite3_file* file) { return *reinterpret_cast<Handle*>(file); }

  static int open(sqlite3_vfs* vfs, const char* name, sqlite3_file* out, int flags, int* given) {
    PowerDisk& disk = *static_cast<PowerDisk*>(vfs->pAppData);
    const Guard guard(disk.mutex_);
    Handle& handle = handle_of(out);
    handle.base.pMethods = nullptr;
    auto& file = disk.files_[name != nullptr ? name : "temporary"];
    if (!file) {
      if (disk.dark_ || (flags & SQLITE_OPEN_CREATE) == 0) {
        disk.files_.erase(name);
        return SQLITE_CANTOPEN;
      }
      file = std::make_unique<File>();
    }
    handle.file = file.get();
    handle.disk = &disk;
    handle.base.pMethods = methods();
    if (given != nullptr) *given = flags;
    return SQLITE_OK;
  }
  static int close(sqlite3_file*) { return SQLITE_OK; }
  static int read(sqlite3_file* of, void* out, int count, sqlite3_int64 at) {
    const Guard guard(handle_of(of).disk->mutex_);
    const std::string& bytes = handle_of(of).file->now;
    const auto begin = std::min(bytes.size(), static_cast<std::size_t>(at));
    const auto there = std::min(bytes.size() - begin, static_cast<std::size_t>(count));
    std::memcpy(out, bytes.data() + begin, there);
    std::memset(static_cast<char*>(out) + there, 0, static_cast<std::size_t>(count) - there);
    return there == static_cast<std::size_t>(count) ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
  }
  static int write(sqlite3_file* of, const void* bytes, int count, sqlite3_int64 at) {
    Handle& handle = handle_of(of);
    const Guard guard(handle.disk->mutex_);
    Write write{at, std::string(static_cast<const char*>(bytes), static_cast<std::size_t>(count))};
    handle.disk->written_ += count;
    // The write that the power goes with may be on the disk in part.
    if (!handle.disk->dark_) {
      apply(handle.file->now, at, write.bytes);
      handle.file->pending.push_back(std::move(write));
    }
    return handle.disk->step() ? SQLITE_OK : SQLITE_IOERR_WRITE;
  }
  static int truncate(sqlite3_file* of, sqlite3_int64 size) {
    Handle& handle = handle_of(of);
    const Guard guard(handle.disk->mutex_);
    if (!handle.disk->dark_) {
      handle.file->now.resize(static_cast<std::size_t>(size), '\0');
      handle.file->pending.push_back({size, "", true});
    }
    return handle.disk->step() ? SQLITE_OK : SQLITE_IOERR_TRUNCATE;
  }
  static int sync(sqlite3_file* of, int) {
    Handle& handle = handle_of(of);
    const Guard guard(handle.disk->mutex_);
    if (!handle.disk->step()) return SQLITE_IOERR_FSYNC;
    if (handle.disk->lies_) return SQLITE_OK;
    for (const Write& write : handle.file->pending) {  // the whole file would be much to copy
      if (write.is_size)
        handle.file->kept.resize(static_cast<std::size_t>(write.at), '\0');
      else
        apply(handle.file->kept, write.at, write.bytes);
    }
    handle.file->pending.clear();
    handle.file->named = true;  // SQLite's own syncs the directory with a new file's first sync
    return SQLITE_OK;
  }
  static int size(sqlite3_file* of, sqlite3_int64* out) {
    const Guard guard(handle_of(of).disk->mutex_);
    *out = static_cast<sqlite3_int64>(handle_of(of).file->now.size());
    return SQLITE_OK;
  }
  static int agree(sqlite3_file*, int) { return SQLITE_OK; }
  static int is_reserved(sqlite3_file*, int* out) {
    *out = 0;
    return SQLITE_OK;
  }
  static int control(sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; }
  static int sector_size(sqlite3_file*) { return static_cast<int>(sector); }
  static int nothing_special(sqlite3_file*) { return 0; }

  static int remove(sqlite3_vfs* vfs, const char* name, int) {
    PowerDisk& disk = *static_cast<PowerDisk*>(vfs->pAppData);
    const Guard guard(disk.mutex_);
    if (disk.dark_) return SQLITE_IOERR_DELETE;
    disk.files_.erase(name);
    return SQLITE_OK;
  }
  static int access(sqlite3_vfs* vfs, const char* name, int, int* out) {
    PowerDisk& disk = *static_cast<PowerDisk*>(vfs->pAppData);
    const Guard guard(disk.mutex_);
    *out = disk.files_.contains(name) ? 1 : 0;
    return SQLITE_OK;
  }
  static int full_name(sqlite3_vfs*, const char* name, int room, char* out) {
    sqlite3_snprintf(room, out, "%s", name);
    return SQLITE_OK;
  }

  static const sqlite3_io_methods* methods() {
    static const sqlite3_io_methods all = [] {
      sqlite3_io_methods made{};
      made.iVersion = 1;
      made.xClose = close;
      made.xRead = read;
      made.xWrite = write;
      made.xTruncate = truncate;
      made.xSync = sync;
      made.xFileSize = size;
      made.xLock = agree;
      made.xUnlock = agree;
      made.xCheckReservedLock = is_reserved;
      made.xFileControl = control;
      made.xSectorSize = sector_size;
      made.xDeviceCharacteristics = nothing_special;
      return made;
    }();
    return &all;
  }

  static void fill_in(sqlite3_vfs& vfs, PowerDisk& disk) {
    vfs = *sqlite3_vfs_find("unix");  // its clock, its randomness
    vfs.szOsFile = sizeof(Handle);
    vfs.zName = "power";
    vfs.pAppData = &disk;
    vfs.pNext = nullptr;
    vfs.xOpen = open;
    vfs.xDelete = remove;
    vfs.xAccess = access;
    vfs.xFullPathname = full_name;
  }

  sqlite3_vfs vfs_{};
  mutable std::mutex mutex_;  // of all that follows
  std::mt19937_64 random_;
  std::map<std::string, std::unique_ptr<File>, std::less<>> files_;
  int left_ = 0, steps_ = 0;
  std::int64_t written_ = 0;
  bool dark_ = false, lies_ = false;
};

}  // namespace rbit::test
