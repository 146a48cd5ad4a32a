#include "rbit/base/json_text.h"

#include <nlohmann/json.hpp>

#include "rbit/base/text.h"

namespace rbit::json {

void append_quoted(std::string& out, std::string_view text) {
  if (!text::is_utf8(text)) {
    const nlohmann::json value{std::string(text)};
    const std::string list = value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    out.append(list, 1, list.size() - 2);
    return;
  }
  out += '"';
  std::size_t copied = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto letter = static_cast<unsigned char>(text[i]);
    if (letter >= 0x20 && letter != '"' && letter != '\\') continue;
    out.append(text, copied, i - copied);
    copied = i + 1;
    static constexpr std::string_view short_ones = "\bb\ff\nn\rr\tt\"\"\\\\";
    std::size_t at = 0;
    while (at < short_ones.size() && short_ones[at] != text[i]) at += 2;
    if (at < short_ones.size()) {
      out += '\\';
      out += short_ones[at + 1];
    } else {
      static constexpr char digits[] = "0123456789abcdef";
      out += "\\u00";
      out += digits[letter >> 4];
      out += digits[letter & 15];
    }
  }
  out.append(text, copied, text.size() - copied);
  out += '"';
}

}  // namespace rbit::json
