#include "rbit/base/quantity.h"

#include <charconv>
#include <cstdint>
#include <string>

#include "rbit/base/names.h"
#include "rbit/base/text.h"

namespace rbit {

std::optional<double> take_decimal(std::string_view& text) {
  if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
  double number = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  static constexpr Named<std::int64_t> units[] = {
      {86'400'000, "d"}, {3'600'000, "h"}, {60'000, "m"}, {1'000, "s"}, {1, "ms"}};
  constexpr auto most = static_cast<double>(24 * 86'400'000LL);
  text = text::trim(text);
  const auto number = take_decimal(text);
  if (!number) return std::nullopt;
  const std::string unit = text::lower(text::trim(text));
  const auto scale = value_in(units, unit.empty() ? "s" : std::string_view(unit));
  if (!scale) return std::nullopt;
  const double time = *number * static_cast<double>(*scale);
  if (time > most) return std::nullopt;
  return std::chrono::milliseconds(static_cast<std::int64_t>(time + 0.5));
}

}  // namespace rbit
