#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

#include "rbit/run/record_layout.h"

namespace rbit::leader {

/// Who this leader is, beyond pid reuse and reboots. Read once.
struct Identity {
  pid_t pid = 0;
  unsigned long long start_time = 0;  // clock ticks after boot, /proc/self/stat
  char boot_id[40] = "-";

  static Identity read();
};

/// The file of the slot that one attempt's record lies in, as rbit gave it to us: while we have it
/// open, it stays locked (run/record_slots.h). Each part is written by one call.
class RecordFile {
 public:
  /// 0, or the errno of what failed. Takes `file` in any case.
  int begin(int file, std::uint64_t serial, const Identity& identity, const char* id);
  bool is_open() const { return file_ >= 0; }
  /// Writes the verdict, one or more whole lines. 0 or an errno.
  int finish(const char* lines);
  /// A host wrote its verdict there.
  bool has_host_result() const;
  /// Gives it up: from now on the record is final, for us.
  void close();

 private:
  int put(record::Part part, const char* text, std::size_t length);

  int file_ = -1;
  std::uint64_t serial_ = 0;
  unsigned begun_ = 0;
  std::uint32_t begin_sum_ = 0;  // of the begin, to which the end belongs
};

}  // namespace rbit::leader
