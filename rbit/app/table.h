#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace rbit {

/// What stands out on a terminal.
enum class Colour { none, good, bad, busy, dim };

/// `text` between the terminal's signs for that colour; `none` leaves it as it is.
std::string painted(std::string_view text, Colour colour);

/// `text`, or its beginning and "..." if it takes more than `most` columns of a terminal.
std::string cut_to(std::string_view text, std::size_t most);

/// Rows of cells in columns that are as wide as what they hold, for people. Cells must not hold
/// anything that a terminal obeys.
class Table {
 public:
  struct Column {
    std::string title;
    bool is_number = false;   // stands to the right
    bool may_shrink = false;  // is cut where a line would be too long
  };
  struct Cell {
    Cell(std::string its_text, Colour its_colour = Colour::none)  // NOLINT: a text is a cell
        : text(std::move(its_text)), colour(its_colour) {}
    Cell(const char* its_text) : text(its_text) {}  // NOLINT: the same
    std::string text;
    Colour colour = Colour::none;
  };

  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  /// A cell for each column; those that are missing at the end are empty.
  void add(std::vector<Cell> row);
  bool is_empty() const { return rows_.empty(); }

  /// A line of titles, then a line a row. Columns without anything in them are left out. `width`:
  /// how many columns of a terminal a line may take; 0: any number.
  std::string text(std::size_t width, bool with_colours) const;

 private:
  std::vector<std::size_t> widths() const;
  void shrink(std::vector<std::size_t>& widths, std::size_t room) const;
  std::string line(const std::vector<Cell>& cells, const std::vector<std::size_t>& widths,
                   bool with_colours) const;

  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace rbit
