#include "rbit/run/shell_rewrite.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "rbit/base/text.h"
#include "rbit/run/foreign_code.h"
#include "rbit/run/second_shell.h"
#include "rbit/run/shell_frame.h"
#include "rbit/run/shell_placeholder.h"

namespace rbit {

namespace {

using Settings = std::map<std::string, std::string>;

constexpr const char* doubled_percent =
    "%% stays as it is: it is one % only before the name of a placeholder";
constexpr std::string_view unknown_text = "\x01";  // in a word: what only the running shell knows

bool is_letter(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}
bool is_of_name(char c) {
  return text::is_alnum(c) || c == '_';
}

using In = ShellFrame::In;

/// Reads a line once from left to right and writes the new one.
class Rewriter {
 public:
  Rewriter(std::string_view line, const Settings& settings) : line_(line), settings_(settings) {}

  RewrittenLine run() {
    while (at_ < line_.size()) step();
    return std::move(result_);
  }

 private:
  char peek(std::size_t ahead = 0) const {
    return at_ + ahead < line_.size() ? line_[at_ + ahead] : '\0';
  }
  std::string_view rest(std::size_t ahead = 0) const {
    return line_.substr(std::min(at_ + ahead, line_.size()));
  }
  ShellFrame& top() { return frames_.back(); }
  bool is_quoted() { return top().in == In::double_quotes || top().in == In::quoted_braces; }
  void copy(std::size_t count) {
    result_.line += line_.substr(at_, count);
    at_ += count;
  }
  ShellFrame& push(In in) {
    frames_.emplace_back().in = in;
    return top();
  }

  /// Text of a word, for the check of commands. It matters only where it is plain.
  void add_to_word(std::string_view text) {
    ShellFrame* frame = &top();
    if (frame->in != In::commands) {
      const bool plain = frame->in == In::double_quotes || frame->in == In::single_quotes;
      ShellFrame& outer = frames_[frames_.size() - 2];  // the first frame is always commands
      if (!plain || outer.in != In::commands) return;
      frame = &outer;
    }
    frame->word += text;
    frame->in_word = true;
  }

  static void add_once(std::vector<std::string>& texts, std::string text) {
    if (std::find(texts.begin(), texts.end(), text) == texts.end())
      texts.push_back(std::move(text));
  }
  void refuse(std::string error, std::size_t skipped = 0) {
    add_once(result_.errors, std::move(error));
    at_ += skipped;
  }
  void warn(std::string doubt) { add_once(result_.warnings, std::move(doubt)); }

  void step();
  bool take_percent();
  void take_percent_operator(std::size_t length);
  void doubt_percents();
  void use(const ShellPlaceholder& found);
  std::string number(MessageFact fact);
  bool has_own_percents();
  std::string misplaced(const ShellPlaceholder& found);
  void take_escape();
  void take_dollar();
  void take_parameter();
  void take_command_character();
  void take_redirection();
  void take_here_documents();
  void close_parenthesis();

  std::string_view line_;
  const Settings& settings_;
  std::size_t at_ = 0;
  std::vector<ShellFrame> frames_{ShellFrame()};
  bool is_after_dollar_ = false;              // a plain one, of no expansion
  bool is_ambiguous_ = false;                 // from here on shells differ about what is quoted
  std::vector<HereDocument> here_documents_;  // announced, their text begins after the line
  RewrittenLine result_;
};

/// Placeholders, wherever they stand, and the percent signs before them. All else is the shell's.
bool Rewriter::take_percent() {
  if (is_escaped_placeholder(rest(), settings_)) {
    copy(1);
    add_to_word("%");
    ++at_;
    return true;
  }
  if (rest().starts_with("%%") && !is_escaped_placeholder(rest(1), settings_)) {
    doubt_percents();
    copy(2);
    add_to_word("%%");
    return true;
  }
  const ShellPlaceholder found = placeholder_at(rest(), settings_);
  // Where nothing is ever replaced nobody can have meant a placeholder of another name.
  const bool is_text = top().in == In::single_quotes || top().in == In::arithmetic;
  if (found.length == 0 || (is_text && !found.mistake.empty())) {
    const std::string doubt = is_text || has_own_percents() ? "" : doubt_about(rest());
    if (!doubt.empty()) warn(doubt);
    return false;
  }
  use(found);
  at_ += found.length;
  return true;
}

/// The rest, to `length`, of ${x% or its like. Its percent signs are the shell's own, whatever
/// stands behind them.
void Rewriter::take_percent_operator(std::size_t length) {
  const auto taken = line_.substr(0, at_ + length);
  const auto shown = taken.substr(taken.rfind("${"));
  const auto meant = placeholder_at(line_.substr(taken.size() - 1), settings_);
  if (meant.is_known())
    warn(std::string(shown) + meant.shown.substr(1) +
         " has the shell's own operator and no placeholder (write \"" + meant.shown +
         "\" for it, \"" + meant.shown.substr(1) + "\" for the text)");
  copy(length);
  if (rest().starts_with("%%") && !is_escaped_placeholder(rest(), settings_)) warn(doubled_percent);
}

/// %% was a percent sign once, and who wrote it so gets two now.
void Rewriter::doubt_percents() {
  const auto before = line_.substr(0, at_);
  const auto word = before.substr(before.find_last_of(" \t\n\"'") + 1);
  const bool is_date = word.starts_with('+') && is_letter(peek(2));
  if (is_date || rest().starts_with("%%%%")) warn(doubled_percent);
}

void Rewriter::use(const ShellPlaceholder& found) {
  if (!found.mistake.empty()) return refuse(found.mistake);
  if (auto error = misplaced(found); !error.empty()) return refuse(std::move(error));
  const std::string variable = found.variable.empty() ? number(*found.fact) : found.variable;
  add_once(result_.variables, variable);
  result_.line += is_quoted() ? "${" + variable + "}" : "\"$" + variable + "\"";
  add_to_word(unknown_text);
}

/// The variable of that part of the message, one for all places that ask for it.
std::string Rewriter::number(MessageFact fact) {
  auto& facts = result_.facts;
  const auto same = std::find_if(facts.begin(), facts.end(),
                                 [&](const auto& known) { return known.is_same_as(fact); });
  const auto index = static_cast<std::size_t>(same - facts.begin());
  if (same == facts.end())
    facts.push_back(std::move(fact));
  else if (fact.required)
    *same = std::move(fact);
  return fact_variable(index);
}

/// Whether the command has a %{...} of its own: curl -w, rpm --queryformat.
bool Rewriter::has_own_percents() {
  if (!rest().starts_with("%{")) return false;
  for (const auto& frame : frames_)
    for (const auto& word : frame.words)
      if (text::is_one_of(text::base_name(word), {"curl", "rpm", "rpmquery", "rpmspec", "dnf"}))
        return true;
  return false;
}

/// Why it may not stand here; empty: it may.
std::string Rewriter::misplaced(const ShellPlaceholder& found) {
  // A second shell comes first: "use double quotes" would be bad advice there. Every frame counts,
  // for the output of $( ) may be such an argument too.
  for (const auto& frame : frames_) {
    if (frame.in != In::commands || frame.is_target) continue;
    const auto after = rest(found.length);
    if (const auto command = calculating_command(frame.words, frame.word, after))
      return found.shown + " stands in an argument of '" + *command +
             "', which some shells calculate or take for a name (look at it with case first)";
    const auto command = second_shell(frame.words, frame.word);
    if (!command) {
      auto error = mistake_in_command(found, frame, &frame == &top());
      if (!error.empty()) return error;
      continue;
    }
    return mistake_in_second_shell(*command, found.shown, found.variable);
  }
  for (const auto& frame : frames_)
    if (frame.is_calculated)
      return found.shown + " stands in ${ } where its text would be calculated (write it outside)";
  if (is_ambiguous_)
    return found.shown + " stands behind a $' ' with \\' in it, which shells read in two ways";
  switch (top().in) {
    case In::single_quotes:
      return found.shown +
             " stands in single quotes, where the shell replaces nothing (use double quotes)";
    case In::arithmetic:
      return found.shown +
             " stands in $(( )), where its text would be calculated (write it "
             "outside, and a remainder with a blank: % 3)";
    case In::backquotes:
      return found.shown + " stands in backquotes, where quotes are not safe (use $( ))";
    default:
      return {};
  }
}

/// A backslash and what it protects.
void Rewriter::take_escape() {
  const ShellFrame& frame = top();
  const char next = peek(1);
  const ShellPlaceholder found = placeholder_at(rest(1), settings_);
  if (found.is_known() && frame.in != In::single_quotes) {
    return refuse(found.shown + " stands after a backslash (leave it out; for the text write %" +
                      found.shown + ")",
                  1 + found.length);
  }
  const bool protects = !is_quoted() || next == '$' || next == '`' || next == '"' || next == '\\' ||
                        next == '\n' || (next == '}' && frame.in == In::quoted_braces);
  if (!protects || is_escaped_placeholder(rest(1), settings_) || next == '\0') {
    copy(1);
    return;
  }
  if (next != '\n') add_to_word(std::string_view(&next, 1));
  const std::size_t percents = percent_operator(rest(1));  // for another shell to read
  copy(percents > 0 ? 1 + percents : 2);
}

void Rewriter::take_dollar() {
  const ShellPlaceholder found = placeholder_at(rest(1), settings_);
  if (found.is_known() || (found.length > 0 && rest(1).starts_with("{settings.")))
    return refuse(found.shown + " stands after a '$' (leave the '$' out)", 1 + found.length);
  if (std::string_view("([{").find(peek(1)) == std::string_view::npos) {
    add_to_word("$");
    copy(1);
    is_after_dollar_ = true;
    return;
  }
  add_to_word(unknown_text);
  if (rest().starts_with("$((")) {
    copy(3);
    push(In::arithmetic).depth = 2;
  } else if (peek(1) == '[') {  // bash's old $(( ))
    copy(2);
    push(In::arithmetic).depth = 1;
    top().closes = ']';
  } else if (peek(1) == '(') {
    copy(2);
    push(In::commands).closable = true;
    top().is_text = true;
  } else {
    take_parameter();
  }
}

/// ${ and the name behind it.
void Rewriter::take_parameter() {
  const bool quoted = is_quoted();
  const std::size_t percents = percent_operator(rest());
  copy(2);
  const auto name = placeholder_at(rest(), settings_);
  if (name.is_known())
    refuse(name.shown + " stands in ${ } in the place of a name (leave the ${ } out)");
  push(quoted ? In::quoted_braces : In::braces);
  // Within double quotes ' is a quote after % and # and plain text after - = ? +.
  std::size_t end = 1;
  while (is_of_name(peek(end))) ++end;
  top().quotes_count = !quoted || peek(end) == '%' || peek(end) == '#';
  // ${a[i]} and ${a:offset}, of bash and its like.
  const bool is_offset =
      peek(end) == ':' && std::string_view("-=?+").find(peek(end + 1)) == std::string_view::npos;
  top().is_calculated = peek(end) == '[' || is_offset;
  if (percents > 0) take_percent_operator(percents - 2);
}

void Rewriter::take_redirection() {
  ShellFrame& frame = top();
  if (frame.word.find_first_not_of("0123456789") ==
      std::string::npos) {  // "2>": of the operator, not a word
    frame.word.clear();
    frame.in_word = false;
  }
  frame.end_word();
  if (!rest().starts_with("<<") || peek(2) == '<') {
    do copy(1);
    while (peek() == '<' || peek() == '>' || peek() == '&' || peek() == '|');
    frame.is_target = true;
    return;
  }
  HereDocument document;
  copy(2);
  if (peek() == '-') {
    document.strip_tabs = true;
    copy(1);
  }
  while (peek() == ' ' || peek() == '\t') copy(1);
  char quote = '\0';
  while (at_ < line_.size()) {
    const char c = peek();
    if (quote == '\0' && std::string_view(" \t\n;&|<>()").find(c) != std::string_view::npos) break;
    const ShellPlaceholder found = placeholder_at(rest(), settings_);
    if (found.is_known()) refuse(found.shown + " stands in the end mark of a here-document");
    if (c == quote)
      quote = '\0';
    else if (quote == '\0' && (c == '\'' || c == '"'))
      quote = c;
    else if (quote != '\0' || c != '\\')
      document.end += c;
    copy(1);
  }
  here_documents_.push_back(std::move(document));
}

/// After the end of a line: the documents announced in it.
void Rewriter::take_here_documents() {
  for (const auto& document : std::exchange(here_documents_, {})) {
    while (at_ < line_.size()) {
      std::string_view text = rest().substr(0, rest().find('\n'));
      const std::size_t end = at_ + text.size();
      if (document.strip_tabs)
        text.remove_prefix(std::min(text.find_first_not_of('\t'), text.size()));
      const bool last = text == document.end;
      while (at_ < end) {
        const ShellPlaceholder found = placeholder_at(rest(), settings_);
        if (const std::size_t percents = percent_operator(rest()); percents > 0) {
          copy(percents);
        } else if (is_escaped_placeholder(rest(), settings_)) {
          copy(1);
          ++at_;
        } else if (found.is_known()) {
          const std::string cure = found.variable.empty()
                                       ? "write x=" + found.shown + " before and $x there"
                                       : "write $" + found.variable + " there";
          refuse(found.shown + " stands in a here-document (" + cure + ", for the text %" +
                     found.shown + ")",
                 found.length);
        } else {
          copy(1);
        }
      }
      if (at_ < line_.size()) copy(1);
      if (last) break;
    }
  }
}

void Rewriter::close_parenthesis() {
  ShellFrame& frame = top();
  frame.end_command();
  copy(1);
  frame.is_pattern = false;
  if (!frame.closable || frame.open_cases > 0) return;  // the end of a pattern of "case"
  if (!frame.is_text) frames_[frames_.size() - 2].end_command();
  frames_.pop_back();
}

void Rewriter::take_command_character() {
  ShellFrame& frame = top();
  switch (const char c = peek(); c) {
    case ' ':
    case '\t':
      frame.end_word();
      return copy(1);
    case '\n':
      frame.end_command();
      copy(1);
      return take_here_documents();
    case ';':
    case '&':
    case '|':
      frame.end_command();
      if (c == ';' && (peek(1) == ';' || peek(1) == '&')) frame.is_pattern = frame.open_cases > 0;
      return copy(1);
    case '<':
    case '>':
      return take_redirection();
    case ')':
      return close_parenthesis();
    case '(':
      if (peek(1) == '(' && !frame.in_word) {  // "while ((...))" and "for ((...))" too
        copy(2);
        push(In::arithmetic).depth = 2;
      } else if (frame.is_target && !frame.in_word && line_[at_ - 1] != ' ') {  // bash's <( )
        add_to_word(unknown_text);
        copy(1);
        push(In::commands).closable = true;
        top().is_text = true;
      } else if (frame.is_pattern && !frame.in_word) {
        copy(1);  // "(a)" of a pattern
      } else {
        const bool is_list = frame.is_list || frame.word.ends_with('=');
        frame.end_command();
        copy(1);
        push(In::commands).closable = true;
        top().is_list = is_list;
      }
      return;
    case '#':
      if (!frame.in_word) {  // nobody reads a comment, placeholders or not
        while (at_ < line_.size() && peek() != '\n') copy(1);
        return;
      }
      [[fallthrough]];
    default:
      add_to_word(std::string_view(&c, 1));
      copy(1);
  }
}

void Rewriter::step() {
  const char c = peek();
  const In in = top().in;
  if (line_.substr(0, at_).empty() || line_[at_ - 1] != '$') is_after_dollar_ = false;
  if (c == '\\' && in != In::single_quotes && in != In::arithmetic) return take_escape();
  if (c == '$' && in != In::single_quotes && in != In::arithmetic && in != In::backquotes)
    return take_dollar();
  if (const std::size_t percents = percent_operator(rest()); percents > 0) {
    add_to_word(rest().substr(0, percents));
    return copy(percents);
  }
  if ((c == '%' || c == '{') && take_percent()) return;

  if (in == In::arithmetic) {
    copy(1);
    if (c == (top().closes == ')' ? '(' : '[')) ++top().depth;
    if (c == top().closes && --top().depth == 0) frames_.pop_back();
    return;
  }
  if (in == In::single_quotes) {
    if (top().has_escapes && rest().starts_with("\\\\")) return copy(2);
    if (top().has_escapes && rest().starts_with("\\'")) is_ambiguous_ = true;
    if (c != '\'') add_to_word(std::string_view(&c, 1));
    copy(1);
    if (c == '\'') frames_.pop_back();
    return;
  }
  if (in == In::backquotes) {
    copy(1);
    if (c == '`') frames_.pop_back();
    return;
  }
  // What begins here, and what ends.
  if (c == '`') {
    add_to_word(unknown_text);
    copy(1);
    return (void)push(In::backquotes);
  }
  if (c == '"') {
    if (in == In::commands) add_to_word("");
    copy(1);
    if (in == In::double_quotes) return frames_.pop_back();
    return (void)push(In::double_quotes);
  }
  if (c == '\'' && in != In::double_quotes && top().quotes_count) {
    if (in == In::commands) add_to_word("");
    copy(1);
    push(In::single_quotes).has_escapes = is_after_dollar_;
    return;
  }
  if (c == '}' && (in == In::braces || in == In::quoted_braces)) {
    copy(1);
    return frames_.pop_back();
  }
  if (in == In::commands) return take_command_character();
  add_to_word(std::string_view(&c, 1));
  copy(1);
}

}  // namespace

std::string fact_variable(std::size_t index) {
  return "RBIT_FACT_" + std::to_string(index + 1);
}

RewrittenLine rewrite_shell_line(std::string_view line, const Settings& settings) {
  return Rewriter(line, settings).run();
}

}  // namespace rbit
