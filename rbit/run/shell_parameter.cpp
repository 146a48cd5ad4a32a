#include "rbit/run/shell_parameter.h"

#include <algorithm>

namespace rbit {

namespace {

constexpr std::string_view of_name =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";

/// The length of a parameter: x, 10, @, and bash's !x and a[1]. 0: there is none.
std::size_t parameter(std::string_view text) {
  const auto name_at = [&](std::size_t at) {
    return std::min(text.find_first_not_of(of_name, at), text.size());
  };
  const bool is_prefixed = text.starts_with('!') || text.starts_with('#');
  std::size_t end = name_at(is_prefixed ? 1 : 0);
  if (end <= 1 && (text.empty() || of_name.find(text[0]) == std::string_view::npos))
    end = !text.empty() && std::string_view("@*#?-$!").find(text[0]) != std::string_view::npos;
  if (end > 0 && end < text.size() && text[end] == '[') {
    const auto close = text.find_first_of("]%{}()'\"`\\\n", end);
    if (close == std::string_view::npos || text[close] != ']') return 0;
    end = close + 1;
  }
  return end;
}

}  // namespace

std::size_t percent_operator(std::string_view text) {
  if (!text.starts_with("${")) return 0;
  const std::size_t length = parameter(text.substr(2));
  if (length == 0) return 0;
  const std::string_view rest = text.substr(2 + length);
  const std::size_t percents = rest.starts_with("%%") || rest.starts_with("/%") ? 2
                               : rest.starts_with('%')                          ? 1
                                                                                : 0;
  return percents == 0 ? 0 : 2 + length + percents;
}

}  // namespace rbit
