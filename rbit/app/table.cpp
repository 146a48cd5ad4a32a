#include "rbit/app/table.h"

#include <algorithm>
#include <utility>

#include "rbit/base/text_width.h"

namespace rbit {

namespace {

constexpr std::size_t gap = 2;          // between two columns
constexpr std::size_t least_width = 8;  // to which a column shrinks
constexpr std::string_view dots = "...";

const char* sign_of(Colour colour) {
  switch (colour) {
    case Colour::good:
      return "\x1b[32m";
    case Colour::bad:
      return "\x1b[31m";
    case Colour::busy:
      return "\x1b[33m";
    case Colour::dim:
      return "\x1b[2m";
    case Colour::none:
      break;
  }
  return "";
}

}  // namespace

std::string painted(std::string_view text, Colour colour) {
  if (colour == Colour::none || text.empty()) return std::string(text);
  return sign_of(colour) + std::string(text) + "\x1b[0m";
}

std::string cut_to(std::string_view text, std::size_t most) {
  if (text::columns_of(text) <= most) return std::string(text);
  const std::size_t kept = most > dots.size() ? most - dots.size() : 0;
  return std::string(text::first_columns(text, kept)) + std::string(dots.substr(0, most - kept));
}

void Table::add(std::vector<Cell> row) {
  row.resize(columns_.size(), Cell(""));
  rows_.push_back(std::move(row));
}

/// 0: nothing is in that column.
std::vector<std::size_t> Table::widths() const {
  std::vector<std::size_t> widths(columns_.size());
  for (const auto& row : rows_)
    for (std::size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], text::columns_of(row[i].text));
  for (std::size_t i = 0; i < widths.size(); ++i)
    if (widths[i] > 0) widths[i] = std::max(widths[i], text::columns_of(columns_[i].title));
  return widths;
}

/// Takes from the widest column first, so that short names stay whole.
void Table::shrink(std::vector<std::size_t>& widths, std::size_t room) const {
  const auto needed = [&] {
    std::size_t all = 0;
    for (const std::size_t one : widths)
      if (one > 0) all += one + (all > 0 ? gap : 0);
    return all;
  };
  while (needed() > room) {
    std::size_t widest = columns_.size();
    for (std::size_t i = 0; i < widths.size(); ++i)
      if (columns_[i].may_shrink && widths[i] > least_width &&
          (widest == columns_.size() || widths[i] > widths[widest]))
        widest = i;
    if (widest == columns_.size()) return;
    --widths[widest];
  }
}

std::string Table::line(const std::vector<Cell>& cells, const std::vector<std::size_t>& widths,
                        bool with_colours) const {
  std::string line;
  std::size_t owed = 0;  // blanks that are written if something follows
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (widths[i] == 0) continue;
    const std::string shown = cut_to(cells[i].text, widths[i]);
    const std::size_t left = widths[i] - text::columns_of(shown);
    if (columns_[i].is_number) owed += left;
    if (!shown.empty()) {
      line.append(std::exchange(owed, 0), ' ');
      line += with_colours ? painted(shown, cells[i].colour) : shown;
    } else if (columns_[i].is_number) {
      owed -= left;
    }
    owed += (columns_[i].is_number && !shown.empty() ? 0 : left) + gap;
  }
  return line + "\n";
}

std::string Table::text(std::size_t width, bool with_colours) const {
  std::vector<std::size_t> widths = this->widths();
  if (width > 0) shrink(widths, width);
  std::vector<Cell> titles;
  for (const Column& column : columns_) titles.emplace_back(column.title, Colour::dim);
  std::string all = line(titles, widths, with_colours);
  for (const auto& row : rows_) all += line(row, widths, with_colours);
  return all;
}

}  // namespace rbit
