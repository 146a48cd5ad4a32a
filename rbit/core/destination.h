#pragma once

#include <string>
#include <vector>

#include "rbit/core/publication.h"

namespace rbit {

/// As `may-publish` has it: "EXCHANGE:KEY", ":QUEUE" for the default exchange. On one line, without
/// secrets.
std::string written(const Destination& to);

/// Whether one of `patterns` covers it: the exchange is the same, and so is the key, in which `*`
/// stands for anything within a word (words lie between dots) and `#` for any rest, also none:
/// "a.#" covers "a", "a.b" and "a.b.c".
bool is_covered(const Destination& to, const std::vector<Destination>& patterns);

}  // namespace rbit
