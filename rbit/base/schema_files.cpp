#include "rbit/base/schema_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <optional>
#include <utility>

#include "rbit/base/fd.h"
#include "rbit/base/json.h"
#include "rbit/base/text.h"
#include "rbit/base/trusted_path.h"

namespace rbit {

namespace {

using Json = nlohmann::json;

constexpr std::size_t most_bytes = 4 << 20;
constexpr int most_depth = 64;

constexpr const char* cure_of_missing = "is schema spelled right, and may rbit read it?";

Result<Fd> open_file(const std::string& path) {
  if (::geteuid() == 0) {
    auto file = open_code_file(path);
    if (file || !file.error().cure.empty()) return file;
    Error why = file.error();
    why.cure = cure_of_missing;
    return why;
  }
  Fd file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!file) return Error::of_system(path, errno, cure_of_missing);
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return Error::of_system(path, errno);
  if (!S_ISREG(info.st_mode)) return Error{path, "is no regular file", "name a JSON Schema"};
  return file;
}

Result<std::string> read_file(const std::string& path) {
  const Result<Fd> file = open_file(path);
  if (!file) return file.error();
  std::string bytes;
  char buffer[65536];
  for (;;) {
    const ssize_t count = ::read(file->get(), buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error::of_system(path, errno);
    if (count == 0) return bytes;
    bytes.append(buffer, static_cast<std::size_t>(count));
    if (bytes.size() > most_bytes)
      return Error{path, "is larger than 4 MiB", "a schema is smaller"};
  }
}

std::string escaped(const std::string& name) {
  return text::replaced(name, {{'~', "~0"}, {'/', "~1"}});
}

/// None: a % without two digits.
std::optional<std::string> percent_decoded(std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      bytes += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const auto high = digits.find(text::lower(text.substr(i + 1, 1)));
    const auto low = digits.find(text::lower(text.substr(i + 2, 1)));
    if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
    bytes += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return bytes;
}

/// The id that a schema gives itself: `$id`, or `id` as draft 4 has it.
std::string id_of(const Json& schema) {
  for (const char* name : {"$id", "id"})
    if (const auto found = schema.find(name); found != schema.end() && found->is_string())
      return found->get<std::string>();
  return "";
}

/// Notes each place that calls itself "#NAME". The depth is that of the document, which is limited.
void find_anchors(const SchemaPlace& place, std::map<std::string, SchemaPlace>& anchors) {
  if (place.value->is_object()) {
    const std::string id = id_of(*place.value);
    if (id.size() > 1 && id[0] == '#' && id.find('/') == std::string::npos)
      anchors.emplace(id.substr(1), place);
  }
  if (!place.value->is_structured()) return;
  for (const auto& [name, value] : place.value->items())
    find_anchors(SchemaFiles::below(place, name, value), anchors);
}

/// Why the part of a `$ref` before '#' names no file beside us; "": it does.
std::string mistake_of_file(const std::string& file) {
  const auto colon = file.find(':');
  if (colon != std::string::npos && file.find('/') > colon) return "leads to a URL";
  if (file.starts_with('/')) return "leads to an absolute path";
  for (const std::string& part : text::split(file, '/'))
    if (part == "..") return "leads out of the schema's directory";
  if (!text::is_printable(file)) return "names no file";
  return "";
}

}  // namespace

std::string SchemaPlace::text() const {
  return file + (pointer.empty() ? "" : "#" + text::one_line(pointer, 300));
}

SchemaPlace SchemaFiles::below(const SchemaPlace& parent, const std::string& name,
                               const Json& value) {
  return {parent.file, parent.pointer + "/" + escaped(name), &value};
}

Result<SchemaPlace> SchemaFiles::open(const std::string& path) {
  if (const auto known = files_.find(path); known != files_.end())
    return SchemaPlace{path, "", &known->second->document};
  const Result<std::string> bytes = read_file(path);
  if (!bytes) return bytes.error();
  rbit::json::Limits limits;
  limits.bytes = most_bytes;
  limits.depth = most_depth;
  limits.nodes = 200'000;
  auto document = rbit::json::parse(*bytes, limits);
  if (!document) return Error{path, document.error().reason, "a schema is JSON"};
  auto file = std::make_unique<File>();
  file->document = std::move(*document);
  const SchemaPlace whole{path, "", &file->document};
  if (file->document.is_object()) file->id = id_of(file->document);
  file->id = file->id.substr(0, file->id.find('#'));
  find_anchors(whole, file->anchors);
  files_.emplace(path, std::move(file));
  return whole;
}

Result<SchemaPlace> SchemaFiles::follow(const SchemaPlace& from, const std::string& reference) {
  const std::string at = from.text();
  const std::string shown = "$ref '" + text::one_line(reference, 100) + "' ";
  const std::string cure = "it may lead to a place in its own file or to a file beside it";
  const auto hash = reference.find('#');
  const auto part = percent_decoded(std::string_view(reference).substr(0, hash));
  const auto fragment =
      percent_decoded(hash == std::string::npos ? std::string_view()
                                                : std::string_view(reference).substr(hash + 1));
  if (!part || !fragment) return Error{at, shown + "has a % without two digits", cure};
  SchemaPlace place{from.file, "", &files_.at(from.file)->document};
  if (!part->empty() && *part != files_.at(from.file)->id) {
    if (const std::string mistake = mistake_of_file(*part); !mistake.empty())
      return Error{at, shown + mistake, cure};
    const std::filesystem::path beside = std::filesystem::path(from.file).parent_path() / *part;
    const Result<SchemaPlace> opened = open(beside.lexically_normal().string());
    if (!opened) return Error{at, shown + "leads to " + opened.error().what(), opened.error().cure};
    place = *opened;
  }
  if (fragment->empty()) return place;
  const File& file = *files_.at(place.file);
  if (const auto named = file.anchors.find(*fragment); named != file.anchors.end())
    return named->second;
  try {
    const Json::json_pointer pointer(*fragment);
    if (file.document.contains(pointer))
      return SchemaPlace{place.file, pointer.to_string(), &file.document.at(pointer)};
  } catch (const Json::exception&) {  // it is no pointer
  }
  return Error{at, shown + "leads nowhere", "there is no such place in " + place.file};
}

}  // namespace rbit
