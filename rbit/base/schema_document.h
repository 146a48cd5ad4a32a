#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "rbit/base/result.h"

namespace rbit {

/// A JSON Schema as it is compiled: every subschema of its file, and of the files beside it that it
/// refers to, is one node. A node has the keywords of its draft and no others, in draft 7's words;
/// in place of its subschemas it has {"$ref": "#/N"}, N a node's number. The schema is node 0.
struct SchemaDocument {
  int draft = 7;                      // 4, 6 or 7
  std::vector<nlohmann::json> nodes;  // objects, or booleans
  std::vector<std::string> places;    // where each stands: "file#/pointer", for people
  std::vector<std::size_t>
      order;  // of the nodes, a node's subschemas before it where that is possible

  /// Reads, resolves and checks. The Error names the file and, in its reason, the pointer. A `$ref`
  /// leads to a place in its own file or to a file beside it, nowhere else.
  static Result<SchemaDocument> read(const std::string& path);
};

}  // namespace rbit
