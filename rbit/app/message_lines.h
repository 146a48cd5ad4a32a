#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>

#include "rbit/base/fd.h"
#include "rbit/base/result.h"
#include "rbit/core/message_source.h"

namespace rbit {

/// The lines of a file, or of standard input, as messages. A line at a time is in memory. Empty
/// lines are skipped.
class MessageLines : public MessageSource {
 public:
  /// What a line becomes; an Error ends the source.
  using Make = std::function<Result<Message>(std::string line)>;

  /// `path`: "-" is standard input. Throws Fatal if it cannot be opened.
  MessageLines(const std::string& path, Make make);

  bool is_ready() override;
  std::optional<Message> next() override;

  /// Why it ended before the end, with the number of the line.
  const std::optional<Error>& failure() const { return failure_; }

 private:
  std::optional<std::string> next_line();
  bool read_more();

  std::string name_;
  Make make_;
  Fd file_;
  std::string read_;    // and not given yet
  std::size_t at_ = 0;  // in `read_`
  std::size_t number_ = 0;
  bool is_at_end_ = false;
  std::optional<Error> failure_;
};

}  // namespace rbit
