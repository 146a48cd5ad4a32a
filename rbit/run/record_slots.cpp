#include "rbit/run/record_slots.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string_view>
#include <utility>

#include "rbit/base/fd.h"
#include "rbit/base/text.h"
#include "rbit/log/log.h"
#include "rbit/run/whole_file.h"
#include "rbit/run/workspace.h"

namespace rbit {

namespace {

constexpr RecordText notes_text{record::notes_part, "notes"};

/// A slot that this process has open.
struct Slot {
  Fd file;
  RecordNotes notes;               // of the job that has it
  std::vector<std::string> files;  // that were made for it beside the record
};

/// By directory: a record is handed around by its name.
std::map<std::string, Slot>& slots() {
  static std::map<std::string, Slot> all;
  return all;
}

Slot* slot_of(const RecordName& name) {
  const auto found = name.is_slot() ? slots().find(name.directory) : slots().end();
  return found == slots().end() ? nullptr : &found->second;
}

bool write_at(int file, std::string_view bytes, std::size_t offset) {
  while (!bytes.empty()) {
    const ssize_t count = ::pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
    offset += static_cast<std::size_t>(count);
  }
  return true;
}

/// With blocks of its own from the beginning.
Result<Fd> make_file(const std::string& path) {
  Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file) return Error::of_system(path, errno);
  const std::string nothing(record::file_size, '\0');
  if (!write_at(file.get(), nothing, 0) || ::flock(file.get(), LOCK_EX | LOCK_NB) != 0)
    return Error::of_system(path, errno);
  return file;
}

Result<void> make_slot(const std::string& directory) {
  if (::mkdir(directory.c_str(), 0700) != 0) return Error::of_system(directory, errno);
  auto file = make_file(directory + "/record");
  if (!file) {
    (void)remove_tree(directory);
    return file.error();
  }
  slots()[directory].file = std::move(*file);
  return {};
}

bool is_whole(const Slot& slot) {
  struct stat status {};
  return ::fstat(slot.file.get(), &status) == 0 && status.st_nlink > 0 &&
         status.st_size == static_cast<off_t>(record::file_size);
}

void append_note(std::string& text, std::string_view name, const std::optional<std::string>& note) {
  if (!note) return;
  text.append(name).append(" ").append(std::to_string(note->size())).append("\n");
  text.append(*note).append("\n");
}

/// Takes "NAME LENGTH\nBYTES\n" off the front. Returns false if it does not stand there.
bool take_note(std::string_view& text, std::string_view name, std::optional<std::string>& note) {
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos || !text.starts_with(name) || text[name.size()] != ' ')
    return false;
  long long length = 0;
  if (!text::parse_number(text.substr(name.size() + 1, end - name.size() - 1), 0, 1 << 20, length))
    return false;
  const auto size = static_cast<std::size_t>(length);
  if (text.size() < end + 1 + size + 1) return false;
  note = std::string(text.substr(end + 1, size));
  text.remove_prefix(end + 1 + size + 1);
  return true;
}

}  // namespace

RecordName RecordName::parse(const std::string& record) {
  RecordName name{record};
  const std::size_t mark = record.rfind('#');
  const std::size_t slash = record.rfind('/');
  if (mark == std::string::npos || (slash != std::string::npos && mark < slash)) return name;
  char* end = nullptr;
  const unsigned long long serial = std::strtoull(record.c_str() + mark + 1, &end, 16);
  if (serial == 0 || *end != 0) return name;
  return {record.substr(0, mark), serial};
}

std::string RecordName::text() const {
  if (!is_slot()) return directory;
  char number[24];
  std::snprintf(number, sizeof number, "#%llx", static_cast<unsigned long long>(serial));
  return directory + number;
}

std::string RecordName::beside(const std::string& name) const {
  if (!is_slot()) return directory + "/" + name;
  char number[24];
  std::snprintf(number, sizeof number, "-%llx", static_cast<unsigned long long>(serial));
  return directory + "/" + name + number;
}

RecordSlots::RecordSlots(std::string prefix) : prefix_(std::move(prefix)) {}

RecordSlots::~RecordSlots() {
  for (const std::string& record : free_) drop(RecordName::parse(record).directory);
  for (const std::string& directory : all_) slots().erase(directory);
}

Result<std::string> RecordSlots::take() {
  while (!free_.empty()) {
    RecordName next = RecordName::parse(free_.back());
    free_.pop_back();
    ++next.serial;
    if (is_whole(slots().at(next.directory))) return next.text();
    drop(next.directory);  // somebody removed or shortened its file
  }
  RecordName fresh{prefix_ + "-" + std::to_string(++made_), 1};
  if (auto made = make_slot(fresh.directory); !made) return made.error();
  all_.push_back(fresh.directory);
  return fresh.text();
}

void RecordSlots::drop(const std::string& directory) {
  slots().erase(directory);
  std::erase(all_, directory);
  if (const auto removed = remove_tree(directory); !removed)
    log::warning("could not clean up: " + removed.error().text());
}

void RecordSlots::give_back(const std::string& record) {
  Slot* const slot = slot_of(RecordName::parse(record));
  if (slot == nullptr) return;
  for (const std::string& path : std::exchange(slot->files, {}))
    if (::unlink(path.c_str()) != 0 && errno != ENOENT)
      log::warning("could not clean up: " + Error::of_system(path, errno).text());
  slot->notes = {};
  free_.push_back(record);
  if (free_.size() < all_.size()) return;
  while (free_.size() > static_cast<std::size_t>(most_)) {
    const std::string directory = RecordName::parse(free_.back()).directory;
    free_.pop_back();
    drop(directory);
  }
}

bool RecordSlots::has(const std::string& directory) const {
  return std::find(all_.begin(), all_.end(), directory) != all_.end();
}

Result<std::string> make_record(const std::string& directory) {
  if (auto made = make_slot(directory); !made) return made.error();
  return RecordName{directory, 1}.text();
}

void close_record(const std::string& record) {
  slots().erase(RecordName::parse(record).directory);
}

Result<LentRecord> lend_record(const std::string& record) {
  const RecordName name = RecordName::parse(record);
  const Slot* const slot = slot_of(name);
  if (slot == nullptr) return Error{record, "is no record of this start of rbit"};
  return LentRecord{slot->file.get(), name.serial};
}

std::string path_beside(const std::string& record, const std::string& name) {
  const RecordName its_name = RecordName::parse(record);
  std::string path = its_name.beside(name);
  if (Slot* const slot = slot_of(its_name);
      slot && std::find(slot->files.begin(), slot->files.end(), path) == slot->files.end())
    slot->files.push_back(path);
  return path;
}

Result<void> write_text(const std::string& record, const RecordText& what,
                        const std::string& text) {
  const RecordName name = RecordName::parse(record);
  if (!name.is_slot() || record::head_size + text.size() > what.part.size)
    return write_whole(path_beside(record, what.name), text);
  const Slot* const slot = slot_of(name);
  const Fd opened(slot ? -1 : ::open(name.file().c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC));
  char head[record::head_size + 1];
  record::put_head(head, name.serial, text.data(), text.size());
  if (!write_at(slot ? slot->file.get() : opened.get(), head + text, what.part.offset))
    return Error::of_system(name.file(), errno);
  if (slot && !slot->files.empty()) ::unlink(name.beside(what.name).c_str());  // an earlier try's
  return {};
}

std::optional<std::string> read_text(const std::string& record, const RecordText& what,
                                     std::size_t limit) {
  const RecordName name = RecordName::parse(record);
  if (auto text = read_whole(name.beside(what.name), limit)) return text;
  return read_part(name, what.part);
}

std::optional<std::string> read_part(const RecordName& name, record::Part part) {
  if (!name.is_slot()) return std::nullopt;
  const Fd file(::open(name.file().c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!file) return std::nullopt;
  std::string bytes(part.size, '\0');
  const ssize_t count =
      ::pread(file.get(), bytes.data(), bytes.size(), static_cast<off_t>(part.offset));
  std::size_t length = 0;
  const char* const text =
      count < 0 ? nullptr
                : record::text_in(bytes.data(), static_cast<size_t>(count), name.serial, length);
  if (text == nullptr) return std::nullopt;
  return std::string(text, length);
}

Result<void> write_notes(const std::string& record, const RecordNotes& notes) {
  std::string text;
  append_note(text, "workspace", notes.workspace);
  append_note(text, "output-dir", notes.output_dir);
  const auto written = write_text(record, notes_text, text);
  Slot* const slot = slot_of(RecordName::parse(record));
  if (written && slot) slot->notes = notes;
  return written;
}

RecordNotes read_notes(const std::string& record) {
  if (const Slot* const slot = slot_of(RecordName::parse(record))) return slot->notes;
  RecordNotes notes;
  const auto text = read_text(record, notes_text);
  if (!text) return notes;
  std::string_view rest = *text;
  take_note(rest, "workspace", notes.workspace);
  take_note(rest, "output-dir", notes.output_dir);
  return notes;
}

RecordName record_in(const std::string& directory) {
  RecordName name{directory, 1};
  if (::access(name.file().c_str(), F_OK) != 0) name.serial = 0;
  return name;
}

}  // namespace rbit
