#pragma once

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "rbit/base/result.h"

namespace rbit {

/// A place in a file: a schema's.
struct SchemaPlace {
  std::string file;     // an absolute path, or as the first was given
  std::string pointer;  // JSON Pointer
  const nlohmann::json* value = nullptr;

  /// "file#/pointer"
  std::string text() const;
};

/// The file of a JSON Schema and those beside it that it refers to, each read once.
class SchemaFiles {
 public:
  /// The whole of a file: regular, 4 MiB at most; for root, nobody else may change it.
  Result<SchemaPlace> open(const std::string& path);
  /// Where a `$ref` that stands at `from` leads. The Error's thing is `from`.
  Result<SchemaPlace> follow(const SchemaPlace& from, const std::string& reference);
  /// The place below `parent` of that name or number.
  static SchemaPlace below(const SchemaPlace& parent, const std::string& name,
                           const nlohmann::json& value);

 private:
  struct File {
    nlohmann::json document;
    std::string id;                              // of the whole, without fragment; empty: none
    std::map<std::string, SchemaPlace> anchors;  // places that are named "#NAME"
  };
  std::map<std::string, std::unique_ptr<File>> files_;
};

}  // namespace rbit
