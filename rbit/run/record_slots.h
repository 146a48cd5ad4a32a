#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "rbit/base/result.h"
#include "rbit/run/record_layout.h"

namespace rbit {

/// Where the record of one attempt lies: "DIRECTORY#SERIAL", a slot and which of its jobs it is. So
/// the journal has it. Records of earlier versions are a DIRECTORY alone, with a file for each
/// part.
struct RecordName {
  std::string directory;
  std::uint64_t serial = 0;  // 0: of an earlier version

  static RecordName parse(const std::string& record);
  std::string text() const;
  bool is_slot() const { return serial != 0; }
  /// The slot's file.
  std::string file() const { return directory + "/record"; }
  /// The path of a file of this job's beside it: what is rare, or too long for its part.
  std::string beside(const std::string& name) const;
};

/// What a leader gets of a record, to write there.
struct LentRecord {
  int file = -1;  // stays ours
  std::uint64_t serial = 0;
};

/// Record slots of this life, used again and again: a job costs no inode and no lock. A slot's file
/// is made in its full size, so a full disk later fails no write, and locked once (flock): the
/// leader gets the same open file with each job, so it stays locked until neither rbit nor a leader
/// that has the job is there. On the loop's thread, as all below.
class RecordSlots {
 public:
  /// Slots are the directories "PREFIX-N". Nothing is made yet.
  explicit RecordSlots(std::string prefix);
  /// Removes those that hold no record.
  ~RecordSlots();
  RecordSlots(const RecordSlots&) = delete;
  RecordSlots& operator=(const RecordSlots&) = delete;

  /// A record of which nothing is said yet.
  Result<std::string> take();
  /// It is not needed any more: its slot may have the next job.
  void give_back(const std::string& record);
  /// How many stay once nobody has any: as many as jobs run at once. While verdicts are being
  /// written there are more, and these serve the next jobs, too.
  void keep(int most) { most_ = most; }
  /// Whether a directory is a slot of ours.
  bool has(const std::string& directory) const;

 private:
  void drop(const std::string& directory);

  std::string prefix_;
  int made_ = 0, most_ = 1000;
  std::vector<std::string> free_;  // records that were given back; last in, first out
  std::vector<std::string> all_;   // directories
};

/// A slot for one job, in a new directory. `close_record` closes it and leaves it there.
Result<std::string> make_record(const std::string& directory);
void close_record(const std::string& record);

/// An Error: it is none of this life's.
Result<LentRecord> lend_record(const std::string& record);

/// A part that rbit writes, and the name of the file that takes it where it is too long, and where
/// it lies in records of earlier versions.
struct RecordText {
  record::Part part;
  const char* name;
};
inline constexpr RecordText outcome_text{record::outcome_part, "outcome"};

Result<void> write_text(const std::string& record, const RecordText& what, const std::string& text);
/// None: there is none of this job, or it is not whole, or has more than `limit` bytes.
std::optional<std::string> read_text(const std::string& record, const RecordText& what,
                                     std::size_t limit = 1u << 20);
/// A part of a slot's file; none if it is not there, or not whole.
std::optional<std::string> read_part(const RecordName& name, record::Part part);

/// The path of a file beside the record that is about to be made: `give_back` removes it.
std::string path_beside(const std::string& record, const std::string& name);

/// What rbit notes of an attempt for its next life.
struct RecordNotes {
  std::optional<std::string> workspace, output_dir;
};
Result<void> write_notes(const std::string& record, const RecordNotes& notes);
RecordNotes read_notes(const std::string& record);

/// Whose directory that is; its own name where it is a slot of one job.
RecordName record_in(const std::string& directory);

}  // namespace rbit
