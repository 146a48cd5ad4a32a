#pragma once

#include <sys/types.h>

#include <cstddef>

namespace rbit::leader {

/// Who this leader is, beyond pid reuse and reboots. Read once.
struct Identity {
  pid_t pid = 0;
  unsigned long long start_time = 0;  // clock ticks after boot, /proc/self/stat
  char boot_id[40] = "-";

  static Identity read();
};

/// The file `leader` in the record directory of one attempt. While it is open, it is locked; its
/// last lines are the verdict (leader_wire.h, "The record"). Owns the directory's descriptor.
class RecordFile {
 public:
  /// 0, or the errno of what failed. Takes `dir` in any case.
  int begin(int dir, const Identity& identity, const char* id);
  bool is_open() const { return file_ >= 0; }
  /// Writes the verdict, one or more whole lines, in one write. 0 or an errno.
  int finish(const char* lines);
  /// A host wrote its verdict there.
  bool has_host_result() const;
  /// Gives up the lock: from now on the record is final.
  void close();

 private:
  int put(std::size_t count);
  int dir_ = -1;
  int file_ = -1;
  char text_[512];        // of the file, for the sum
  std::size_t size_ = 0;  // of what is in it
};

}  // namespace rbit::leader
