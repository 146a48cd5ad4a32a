// A JSON Schema and, after a line "====", the messages that are checked by it, a line each.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>

#include "rbit/base/json.h"
#include "rbit/base/json_schema.h"
#include "rbit/base/text.h"
#include "tests/fuzz/fuzz.h"

using namespace rbit;
using fuzz::need;

namespace {

/// A file of this process's own, for a schema is a file.
const std::string& schema_file() {
  static const std::string path = [] {
    char made[] = "/tmp/rbit-fuzz-XXXXXX";
    if (::mkdtemp(made) == nullptr) std::abort();
    static std::string kept;
    kept = made;
    std::atexit([] {
      ::unlink((kept + "/schema.json").c_str());
      ::rmdir(kept.c_str());
    });
    return kept + "/schema.json";
  }();
  return path;
}

bool is_clean(const std::string& text) {
  return text::one_line(text, 1 << 16) == text;
}

void check(const JsonSchema& schema, std::string_view message) {
  const auto document = json::parse(message);
  if (!document) return;
  const auto misfit = schema.misfit_of(*document);
  if (!misfit) return;
  need(!misfit->reason.empty(), "a misfit has a reason");
  need(misfit->pointer.empty() || misfit->pointer[0] == '/', "a pointer is one");
  need(is_clean(misfit->text()) && misfit->text().size() < 600, "a misfit is a short clean line");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::string_view between = "\n====\n";
  const std::string_view bytes = fuzz::bytes_of(data, size);
  const std::size_t end = std::min(bytes.find(between), bytes.size());
  std::FILE* file = std::fopen(schema_file().c_str(), "wb");
  if (file == nullptr) std::abort();
  if (end > 0) std::fwrite(bytes.data(), 1, end, file);
  std::fclose(file);
  const auto schema = JsonSchema::read(schema_file());
  if (!schema) {
    need(is_clean(schema.error().text()), "an error is one clean line");
    return 0;
  }
  if (end == bytes.size()) return 0;
  for (const std::string& message : text::split(bytes.substr(end + between.size()), '\n'))
    check(*schema, message);
  return 0;
}
