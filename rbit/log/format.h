#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "rbit/base/result.h"
#include "rbit/log/record.h"

namespace rbit::log {

struct Field;

/// A format of Python's logging, taken apart: "%(asctime)s %(levelname)-5.5s [%(name)s]
/// %(message)s". Text as it stands is never evaluated, unknown fields stay as they are written.
class Format {
 public:
  /// `date_format` is strftime's; empty: "2013-04-30 11:48:53,904". Both in local time.
  Format(std::string_view format, std::string date_format);

  std::string line(const Record& record) const;

  /// Gives the first thing that is wrong with a format, without a cure: Python said so at each
  /// record.
  static Result<void> check(std::string_view format);
  static bool is_field(std::string_view name);

 private:
  struct Piece {
    const Field* field = nullptr;
    std::string text;   // as it stands, if there is no field
    std::string flags;  // of "-0+ #"
    int width = 0, precision = -1;
    char type = 's';
  };
  static Result<std::vector<Piece>> parse(std::string_view format);
  std::string shown(const Piece& piece, const Record& record) const;
  std::string date(const Record& record) const;

  std::vector<Piece> pieces_;
  std::string date_format_;
};

}  // namespace rbit::log
