#include "rbit/run/foreign_code.h"

#include <algorithm>
#include <cstddef>
#include <optional>

#include "rbit/base/text.h"

namespace rbit {

namespace {

using Words = std::vector<std::string>;

/// What the text of a message would be in the word that is begun.
enum class Is {
  none,     // an argument, or text
  code,     // `reader` runs it: awk, or "python3 -c"
  program,  // it names the program or script that is run
};

struct ForeignCode {
  Is is = Is::none;
  std::string reader;
  bool has_environment = true;  // code there can read a variable
};

/// What the first argument of an interpreter is, if no option has its program.
enum class First { script, code, database, plain };

/// An interpreter and those of its options that matter. Names are separated by one blank.
struct Interpreter {
  std::string_view names;           // without version numbers
  std::string_view code;            // letters whose value is code
  std::string_view other = "";      // letters with a value, joined or in the next word
  std::string_view joined = "";     // letters with a value that is joined to them, if any
  std::string_view file = "";       // letters whose value is the file of the program
  std::string_view long_code = "";  // options of words
  std::string_view long_other = "";
  std::string_view long_file = "";
  First first = First::script;
  bool permutes = false;                // options may follow arguments
  bool has_environment = true;          // its code can read a variable
  std::string_view ends = "";           // letters behind whose value all is arguments
  std::string_view stdin_letters = "";  // the program comes through standard input
};

constexpr Interpreter interpreters[] = {
    {.names = "python pypy", .code = "c", .other = "WX", .file = "m", .ends = "cm"},
    {.names = "perl", .code = "eEMm", .other = "I", .joined = "iFCDVx"},
    {.names = "ruby", .code = "e", .other = "rICE", .joined = "iFKWTx"},
    {.names = "node nodejs bun",
     .code = "ep",
     .other = "rC",
     .long_code = "--eval --print",
     .long_other = "--require --import --loader"},
    {.names = "php",
     .code = "rBRE",
     .other = "cdtSz",
     .file = "fF",
     .long_code = "--run --process-begin --process-code --process-end",
     .long_file = "--file --process-file"},
    {.names = "lua luajit", .code = "e", .other = "l"},
    {.names = "Rscript", .code = "e"},
    {.names = "R", .code = "e", .first = First::plain},
    {.names = "tclsh wish", .code = ""},
    {.names = "expect", .code = "c", .file = "f"},
    {.names = "osascript", .code = "e", .other = "ls"},
    {.names = "guile", .code = "c", .other = "elL", .file = "s", .ends = "cs"},
    {.names = "julia", .code = "eE", .other = "LpCJH", .long_code = "--eval --print"},
    {.names = "elixir", .code = "e", .long_code = "--eval --rpc-eval"},
    {.names = "groovy", .code = "e"},
    {.names = "octave", .code = "", .long_code = "--eval"},
    {.names = "emacs sbcl",
     .code = "",
     .long_code = "--eval --execute -eval",
     .first = First::plain},
    {.names = "sh bash dash ash ksh zsh mksh rbash",  // what -c has is read by second_shell()
     .code = "",
     .other = "oO",
     .file = "c",
     .long_other = "--rcfile --init-file",
     .stdin_letters = "s"},
    {.names = "psql",
     .code = "c",
     .other = "dFhLopPRTUv",
     .file = "f",
     .long_code = "--command",
     .first = First::plain,
     .permutes = true,
     .has_environment = false},
    {.names = "mysql mariadb",
     .code = "e",
     .other = "uhPDS",
     .joined = "p",
     .long_code = "--execute --init-command",
     .first = First::plain,
     .permutes = true,
     .has_environment = false},
    {.names = "sqlite duckdb",
     .code = "",
     .long_code = "-cmd --cmd -c -s",
     .long_other =
         "-separator -init -newline -nullvalue -vfs -maxsize --separator --init --newline "
         "--nullvalue --vfs --maxsize",
     .first = First::database,
     .permutes = true,
     .has_environment = false},
    {.names = "awk gawk mawk nawk original-awk",
     .code = "e",
     .other = "vFilW",
     .file = "fE",
     .long_code = "--source",
     .long_other = "--assign --field-separator --include --load",
     .long_file = "--file --exec",
     .first = First::code},
    {.names = "sed gsed",
     .code = "e",
     .other = "l",
     .joined = "i",
     .file = "f",
     .long_code = "--expression",
     .long_other = "--line-length",
     .long_file = "--file",
     .first = First::code,
     .permutes = true,
     .has_environment = false},
    {.names = "jq gojq jaq",
     .code = "",
     .other = "L",
     .file = "f",
     .long_other = "--indent",
     .long_file = "--from-file",
     .first = First::code,
     .permutes = true},
};

/// A command that runs the one after its options and so many arguments.
struct Leader {
  std::string_view names;
  std::string_view other = "";  // letters with a value, joined or in the next word
  std::string_view long_other = "";
  std::size_t arguments = 0;
  bool has_assignments = false;
  bool is_known = true;  // else any word behind its options may be the command
};

constexpr Leader leaders[] = {
    {.names = "command builtin nohup setsid busybox coproc"},
    {.names = "exec", .other = "a"},
    {.names = "env", .other = "uC", .long_other = "--unset --chdir", .has_assignments = true},
    {.names = "time", .other = "fo", .long_other = "--format --output"},
    {.names = "nice", .other = "n", .long_other = "--adjustment"},
    {.names = "ionice", .other = "cnpPu", .long_other = "--class --classdata"},
    {.names = "stdbuf", .other = "ioe", .long_other = "--input --output --error"},
    {.names = "timeout", .other = "ks", .long_other = "--kill-after --signal", .arguments = 1},
    {.names = "chrt", .other = "TPD", .arguments = 1},
    {.names = "taskset chroot", .arguments = 1},
    {.names = "flock",
     .other = "wE",
     .long_other = "--wait --timeout --conflict-exit-code",
     .arguments = 1},
    {.names = "sudo doas",
     .other = "ugUhpCDRTrt",
     .long_other = "--user --group --host --prompt --chdir --close-from --chroot --role --type "
                   "--other-user --command-timeout",
     .has_assignments = true},
    {.names = "xargs",
     .other = "IadELnPsR",
     .long_other = "--arg-file --delimiter --max-args --max-procs --max-chars --process-slot-var"},
    {.names = "setpriv unshare schroot fakeroot systemd-run xvfb-run runuser strace ltrace nsenter "
              "bwrap firejail docker podman kubectl",
     .is_known = false},
};

bool has(std::string_view set, char c) {
  return set.find(c) != std::string_view::npos;
}

/// Whether one of `names`, which a blank separates, is `name`.
bool is_among(std::string_view names, std::string_view name) {
  while (!names.empty()) {
    const auto end = std::min(names.find(' '), names.size());
    if (names.substr(0, end) == name) return true;
    names.remove_prefix(std::min(end + 1, names.size()));
  }
  return false;
}

/// Whether one of `names` begins with `start`: GNU's options may be shortened.
bool is_begun_among(std::string_view names, std::string_view start) {
  return (" " + std::string(names)).find(" " + std::string(start)) != std::string::npos;
}

bool is_option(std::string_view word) {
  return word.size() > 1 && (word[0] == '-' || word[0] == '+');
}

bool is_assignment(std::string_view word) {
  auto name = word.substr(0, std::min(word.find('='), word.size()));
  if (name.size() == word.size()) return false;
  if (name.ends_with('+')) name.remove_suffix(1);
  return !name.empty() && text::has_only(name, "_");
}

bool is_reserved(std::string_view word) {
  return text::is_one_of(word, {"!", "{", "if", "then", "else", "elif", "while", "until", "do"});
}

const Interpreter* interpreter_of(std::string_view word) {
  std::string_view name = text::base_name(word);
  name = name.substr(0, name.find_last_not_of("0123456789.") + 1);  // python3.11
  const auto found = std::find_if(std::begin(interpreters), std::end(interpreters),
                                  [&](const auto& one) { return is_among(one.names, name); });
  return found == std::end(interpreters) ? nullptr : found;
}

const Leader* leader_of(std::string_view word) {
  const auto name = text::base_name(word);
  const auto found = std::find_if(std::begin(leaders), std::end(leaders),
                                  [&](const auto& one) { return is_among(one.names, name); });
  return found == std::end(leaders) ? nullptr : found;
}

/// What an option says of the text joined to it, and of the next word.
struct Option {
  enum class Value { none, code, other, file };
  Value joined = Value::none;
  Value next = Value::none;
  bool ends = false;      // all behind its value is arguments
  bool is_stdin = false;  // the program comes from there
};

Option read_letters(const Interpreter& of, std::string_view word) {
  Option option;
  for (std::size_t i = 1; i < word.size(); ++i) {
    const char c = word[i];
    const auto rest = word.substr(i + 1);
    if (has(of.stdin_letters, c)) option.is_stdin = true;
    if (has(of.joined, c)) return option.joined = Option::Value::other, option;
    const bool is_code = has(of.code, c);
    if (!is_code && !has(of.other, c) && !has(of.file, c)) continue;
    const auto value = is_code           ? Option::Value::code
                       : has(of.file, c) ? Option::Value::file
                                         : Option::Value::other;
    option.ends = has(of.ends, c);
    // "node -pe CODE": there the letters stand for themselves.
    const bool is_last = is_code ? rest.find_first_not_of(of.code) == rest.npos : rest.empty();
    (is_last ? option.next : option.joined) = value;
    return option;
  }
  return option;
}

Option read_option(const Interpreter& of, std::string_view word) {
  Option option;
  const auto equals = std::min(word.find('='), word.size());
  const auto name = word.substr(0, equals);
  auto& value = equals < word.size() ? option.joined : option.next;
  const bool is_long = name.starts_with("--");
  if (is_among(of.long_other, name))
    value = Option::Value::other;
  else if (is_among(of.long_file, name))
    value = Option::Value::file;
  else if (is_among(of.long_code, name) ||
           (is_long && name.size() > 3 && is_begun_among(of.long_code, name)))
    value = Option::Value::code;
  else if (!is_long)
    return read_letters(of, word);
  return option;
}

/// The option without the text joined to it, for an error.
std::string_view shown_option(const Interpreter& of, std::string_view word) {
  const bool is_long = word.starts_with("--") || is_among(of.long_code, word);
  const auto end =
      is_long ? word.find('=') : std::min(word.find_first_of(of.code, 1), word.size() - 1) + 1;
  return word.substr(0, end);
}

/// What the option that `begun` begins would have of the message.
Is of_begun_option(const Interpreter& of, std::string_view begun) {
  if (begun.starts_with("--")) {
    if (!has(begun, '=')) return is_begun_among(of.long_code, begun) ? Is::code : Is::none;
    return read_option(of, begun).joined == Option::Value::code ? Is::code : Is::none;
  }
  const Option option = read_letters(of, begun);
  if (option.joined == Option::Value::code || option.next == Option::Value::code) return Is::code;
  // "-%{/x}": the message says which options these are.
  const bool is_open = option.joined == Option::Value::none && option.next == Option::Value::none;
  return is_open && begun[0] == '-' && !of.code.empty() ? Is::code : Is::none;
}

/// What the message would be to the interpreter words[at].
ForeignCode in_interpreter(const Interpreter& of, const Words& words, std::size_t at,
                           std::string_view begun) {
  const auto as = [&](Is is, std::string_view option = "") {
    std::string reader(text::base_name(words[at]));
    if (!option.empty()) reader += " " + text::one_line(option, 40);
    return ForeignCode{is, reader, of.has_environment};
  };
  std::size_t arguments = 0;
  bool has_program = false;  // an option has it
  bool may_be_option = true;
  for (std::size_t i = at + 1; i < words.size(); ++i) {
    const std::string_view word = words[i];
    if (!may_be_option || !is_option(word)) {
      ++arguments;
      if (!of.permutes) may_be_option = false;
      continue;
    }
    if (word == "--") {
      may_be_option = false;
      continue;
    }
    if (is_among("--arg --argjson --slurpfile --rawfile --argfile", word)) {  // jq(1)
      if (i + 2 >= words.size()) return {};
      i += 2;
      continue;
    }
    const Option option = read_option(of, word);
    const bool has_next = option.next != Option::Value::none;
    if (has_next && i + 1 == words.size()) {
      if (option.next == Option::Value::code) return as(Is::code, word);
      const bool is_module = option.next == Option::Value::file && of.first == First::script;
      return as(is_module ? Is::program : Is::none);
    }
    for (const auto value : {option.joined, option.next})
      has_program |= value == Option::Value::code || value == Option::Value::file;
    has_program |= option.is_stdin;
    if (option.ends) return {};
    if (has_next) ++i;
  }
  if (may_be_option && is_option(begun))
    return as(of_begun_option(of, begun), shown_option(of, begun));
  if (may_be_option && begun == "-") return as(of.code.empty() ? Is::none : Is::code);
  switch (of.first) {
    case First::script:
      return as(arguments == 0 && !has_program ? Is::program : Is::none);
    case First::code:
      return as(arguments == 0 && !has_program ? Is::code : Is::none);
    case First::database:
      return as(arguments > 0 ? Is::code : Is::none);
    case First::plain:
      break;
  }
  return {};
}

/// Whether the option `word` of a leader has its value in the next word.
bool takes_next(const Leader& leader, std::string_view word) {
  if (word.starts_with("--")) return is_among(leader.long_other, word);
  const auto letter = word.find_first_of(leader.other, 1);
  return letter != std::string_view::npos && letter + 1 == word.size();
}

/// env -S "LINE": a line of a command.
bool is_split_line(std::string_view last, std::string_view begun) {
  return last == "--split-string" || begun.starts_with("--split-string=") ||
         (last.starts_with('-') && !last.starts_with("--") && last.ends_with('S')) ||
         (begun.starts_with('-') && !begun.starts_with("--") && has(begun, 'S'));
}

ForeignCode in_command(const Words& words, std::size_t first, std::string_view begun);

/// What the message would be behind the leader words[at].
ForeignCode behind(const Leader& leader, const Words& words, std::size_t at,
                   std::string_view begun) {
  const auto name = text::base_name(words[at]);
  std::size_t i = at + 1;
  bool may_be_option = true;
  for (; i < words.size() && (is_option(words[i]) || (name == "env" && words[i] == "-")); ++i) {
    if (words[i] == "--") {
      may_be_option = false;
      ++i;
      break;
    }
    if (name == "command" && text::is_one_of(words[i], {"-v", "-V"})) return {};
    if (name == "env" && i + 1 == words.size() && is_split_line(words[i], begun))
      return {Is::program, ""};
    if (takes_next(leader, words[i]) && ++i >= words.size()) return {};
  }
  if (i == words.size() && may_be_option && is_option(begun))
    return {name == "env" && is_split_line("", begun) ? Is::program : Is::none, ""};
  if (!leader.is_known) {
    for (; i < words.size(); ++i) {
      const Interpreter* interpreter = interpreter_of(words[i]);
      if (interpreter == nullptr) continue;
      auto found = in_interpreter(*interpreter, words, i, begun);
      if (found.is == Is::code) return found;
    }
    return {};
  }
  if (leader.has_assignments)
    while (i < words.size() && is_assignment(words[i])) ++i;
  else
    i += leader.arguments;
  if (i > words.size()) return {};  // an argument of the leader
  return in_command(words, i, begun);
}

/// What the message would be in the command that begins at words[first].
ForeignCode in_command(const Words& words, std::size_t first, std::string_view begun) {
  std::size_t i = first;
  while (i < words.size() && (is_reserved(words[i]) || is_assignment(words[i]))) ++i;
  if (i == words.size()) return {is_assignment(begun) ? Is::none : Is::program, ""};
  const std::string_view name = words[i];
  if (name == "." || name == "source") {
    const bool is_file = i + 1 == words.size() || (i + 2 == words.size() && words[i + 1] == "--");
    return {is_file ? Is::program : Is::none, ""};
  }
  if (const Leader* leader = leader_of(name)) return behind(*leader, words, i, begun);
  if (const Interpreter* interpreter = interpreter_of(name))
    return in_interpreter(*interpreter, words, i, begun);
  if (name == "find")
    for (std::size_t k = i + 1; k < words.size(); ++k)
      if (text::is_one_of(words[k], {"-exec", "-execdir", "-ok", "-okdir"}))
        if (auto found = in_command(words, k + 1, begun); found.is != Is::none) return found;
  return {};
}

}  // namespace

std::string mistake_in_command(const ShellPlaceholder& found, const ShellFrame& frame,
                               bool is_innermost) {
  if (!found.fact || found.fact->of == MessageFact::Of::queue) return "";
  const bool is_around = !is_innermost && !frame.in_word;  // its words are before a ( )
  if (is_around || frame.is_pattern || frame.is_list) return "";
  const ForeignCode place = in_command(frame.words, 0, frame.word);
  const std::string& shown = found.shown;
  if (place.is == Is::none) return "";
  if (place.is == Is::program)
    return shown +
           " stands where a command does (a message would choose the program: write the "
           "program, and " +
           shown + " as its argument)";
  const std::string cure = !place.has_environment ? "give " + shown + " to a script as its argument"
                           : found.variable.empty()
                               ? "use the variable there: export x=" + shown + " before"
                               : "use the variable there: " + found.variable;
  return shown + " stands in the code that '" + place.reader + "' runs (" + cure + ")";
}

}  // namespace rbit
