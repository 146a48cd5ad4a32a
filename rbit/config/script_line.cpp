#include "rbit/config/script_line.h"

#include <utility>

#include "rbit/base/text.h"
#include "rbit/core/message_fact.h"

namespace rbit::config {

namespace {

constexpr std::string_view blanks = " \t\r\n\v\f";
constexpr std::string_view not_plain = "$`%;&|<>()*?[]{}!~#";  // of a name without quotes
constexpr std::string_view operators = ";&|<>()";              // what is no word of the shell's

bool has(std::string_view set, char c) {
  return set.find(c) != std::string_view::npos;
}

/// Reads a value once from left to right.
class Reader {
 public:
  explicit Reader(std::string_view value) : value_(value) {}

  ScriptLine run() {
    read_file();
    while (at_ < value_.size() && line_.mistake.empty()) step();
    if (quote_ != '\0' && line_.mistake.empty())
      line_.mistake = "a quote has no end (close it, or write \\' or \\\" for the character)";
    return std::move(line_);
  }

 private:
  std::string_view rest() const { return value_.substr(at_); }
  void copy(std::size_t count) {
    line_.arguments += rest().substr(0, count);
    at_ = std::min(at_ + count, value_.size());
  }

  void read_file() {
    bool is_plain = true;
    for (; at_ < value_.size(); ++at_) {
      const char c = value_[at_];
      if (quote_ == '\0' && has(blanks, c)) break;
      if (c == quote_) {
        quote_ = '\0';
      } else if (quote_ == '\0' && (c == '\'' || c == '"')) {
        quote_ = c;
      } else if (quote_ == '\0' && c == '\\' && at_ + 1 < value_.size()) {
        line_.file += value_[++at_];
      } else {
        is_plain = is_plain && (quote_ == '\'' || !has(quote_ ? "$`%\\{" : not_plain, c));
        line_.file += c;
      }
    }
    if (quote_ != '\0') return;
    if (!is_plain || line_.file.empty() || !text::is_printable(line_.file))
      line_.mistake = "'" + text::one_line(line_.file, 80) +
                      "' is no plain name of a file (letters, digits and ./+_-, others in single "
                      "quotes)";
  }

  /// One character of the arguments, or what must not be torn.
  void step() {
    const char c = value_[at_];
    if (c == quote_) {
      quote_ = '\0';
      return copy(1);
    }
    if (quote_ == '\'') return copy(1);
    if (c == '\\') {
      const bool is_line_end = rest().substr(1).starts_with('\n');
      if (!is_line_end) return copy(2);
      if (quote_ == '\0') line_.arguments += ' ';
      at_ += 2;
      return;
    }
    if (c == '`') return refuse("`");
    if (rest().starts_with("$(")) return refuse("$(");
    if (rest().starts_with("%(") || rest().starts_with("${"))
      return copy_whole(c == '%' ? ')' : '}');
    if (const FactText fact = fact_at(rest()); fact.length > 2) return copy_whole('}');
    if (c == '"' || (c == '\'' && quote_ == '\0')) {
      quote_ = c;
      return copy(1);
    }
    if (quote_ != '\0') return copy(1);
    if (has(blanks, c)) {
      line_.arguments += ' ';
      ++at_;
      return;
    }
    const bool begins_comment = c == '#' && line_.arguments.ends_with(' ');
    if (begins_comment || has(operators, c)) return refuse(rest().substr(0, operator_length()));
    copy(1);
  }

  /// %( )s, ${ } and %{ }, in which only another command is none of a word.
  void copy_whole(char end) {
    const auto length = std::min(rest().find(end), rest().size() - 1) + 1;
    const auto whole = rest().substr(0, length);
    if (whole.find('`') != std::string_view::npos) return refuse("`");
    if (whole.find("$(") != std::string_view::npos) return refuse("$(");
    copy(length);
  }

  /// "&&" and ">>" of two characters.
  std::size_t operator_length() const {
    return rest().size() > 1 && rest()[1] == rest()[0] && has("&|<>", rest()[0]) ? 2 : 1;
  }

  void refuse(std::string_view what) {
    line_.mistake =
        "'" + std::string(what) +
        "' is no argument, and nothing but the script is run (put it in single quotes, or write "
        "runner = shell!... for a line of commands)";
  }

  std::string_view value_;
  std::size_t at_ = 0;
  char quote_ = '\0';
  ScriptLine line_;
};

}  // namespace

ScriptLine read_script_line(std::string_view value) {
  return Reader(text::trim(value)).run();
}

std::string quoted_path(std::string_view path) {
  // No placeholder begins with a quote behind its % or {.
  return "'" + text::replaced(path, {{'\'', "'\\''"}, {'%', "%''"}, {'{', "{''"}}) + "'";
}

}  // namespace rbit::config
