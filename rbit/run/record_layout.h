#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cstddef>
#include <cstdint>

/// The file `record` of a slot: a few parts at fixed places, each written over by one job after the
/// other, none ever longer than its room. Leader, rbit and hosts write it in place, by one call a
/// part. What of it counts for a job carries that job's serial and a sum over all of it: a torn
/// text, and one of the slot's job before, are none. Used by the leader too: nothing here needs the
/// C++ library.
namespace rbit::record {

struct Part {
  std::size_t offset, size;
};

/// The leader's own: who it is, and how the job ended. A sector each.
inline constexpr Part begin_part{0, 512}, end_part{512, 512};
/// rbit's, for its next life: what lies where; what the job gives.
inline constexpr Part notes_part{1024, 3072}, outcome_part{4096, 12288};
/// A host's verdict, a line of 64 KiB at most.
inline constexpr Part result_part{16384, 69632};
inline constexpr std::size_t file_size = 86016;

/// A part begins with a line of this many bytes: "rbit-1 SERIAL LENGTH SUM\n", hexadecimal. 1 is
/// the number of this layout.
inline constexpr std::size_t head_size = 42;

inline std::uint32_t crc32(const char* bytes, std::size_t count, std::uint32_t before = 0) {
  struct Table {
    std::uint32_t of[256];
    constexpr Table() : of{} {
      for (std::uint32_t i = 0; i < 256; ++i) {
        of[i] = i;
        for (int bit = 0; bit < 8; ++bit)
          of[i] = (of[i] >> 1) ^ ((of[i] & 1) != 0 ? 0xedb88320u : 0);
      }
    }
  };
  static constexpr Table table;
  std::uint32_t value = ~before;
  for (std::size_t i = 0; i < count; ++i)
    value = (value >> 8) ^ table.of[(value ^ static_cast<unsigned char>(bytes[i])) & 0xff];
  return ~value;
}

/// Of "SERIAL LENGTH" as the head has them, then of the text.
inline std::uint32_t sum_of(const char* numbers, const char* text, std::size_t length) {
  return crc32(text, length, crc32(numbers, 25));
}

/// Writes a text's head, and a NUL behind it.
inline void put_head(char (&head)[head_size + 1], std::uint64_t serial, const char* text,
                     std::size_t length) {
  char numbers[26];
  snprintf(numbers, sizeof numbers, "%016llx %08llx", static_cast<unsigned long long>(serial),
           static_cast<unsigned long long>(length & 0xffffffff));
  snprintf(head, sizeof head, "rbit-1 %s %08x\n", numbers, sum_of(numbers, text, length));
}

/// Whether the head of that job's text stands there; then `length` is the text's. Whether the text
/// is whole, its sum tells.
inline bool has_head(const char* part, std::size_t size, std::uint64_t serial,
                     std::size_t& length) {
  char begin[25];
  if (size < head_size || part[head_size - 1] != '\n') return false;
  snprintf(begin, sizeof begin, "rbit-1 %016llx ", static_cast<unsigned long long>(serial));
  if (memcmp(part, begin, 24) != 0) return false;
  length = strtoul(part + 24, nullptr, 16);
  return true;
}

/// The text of that job, whole, or nullptr: there is none.
inline const char* text_in(const char* part, std::size_t size, std::uint64_t serial,
                           std::size_t& length) {
  if (!has_head(part, size, serial, length) || length > size - head_size) return nullptr;
  char head[head_size + 1];
  put_head(head, serial, part + head_size, length);
  return memcmp(part, head, head_size) == 0 ? part + head_size : nullptr;
}

}  // namespace rbit::record
