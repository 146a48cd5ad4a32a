#include "rbit/monitor/form.h"

#include "rbit/base/text.h"

namespace rbit {

std::string unescaped(std::string_view text, bool is_form) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto digit = [&](std::size_t at) -> int {
      const char c = at < text.size() ? text[at] : ' ';
      if (c >= '0' && c <= '9') return c - '0';
      const char low = static_cast<char>(c | 0x20);
      return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
    };
    if (text[i] == '%' && digit(i + 1) >= 0 && digit(i + 2) >= 0) {
      plain += static_cast<char>(digit(i + 1) * 16 + digit(i + 2));
      i += 2;
    } else {
      plain += is_form && text[i] == '+' ? ' ' : text[i];
    }
  }
  return plain;
}

std::string field_of(std::string_view form, std::string_view name) {
  for (const std::string& pair : text::split(form, '&')) {
    const auto equals = pair.find('=');
    if (equals != pair.npos && std::string_view(pair).substr(0, equals) == name)
      return unescaped(std::string_view(pair).substr(equals + 1), true);
  }
  return "";
}

std::int64_t number_of(std::string_view form, std::string_view name, std::int64_t otherwise) {
  long long number = 0;
  const std::string text = field_of(form, name);
  return text::parse_number(text, 0, 1LL << 62, number) ? number : otherwise;
}

std::optional<std::string> name_behind(std::string_view prefix, std::string_view path) {
  if (!path.starts_with(prefix)) return std::nullopt;
  return unescaped(path.substr(prefix.size()), false);
}

}  // namespace rbit
