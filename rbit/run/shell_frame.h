#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "rbit/base/text.h"

namespace rbit {

/// Something that is open where a shell line is read: quotes, ${ }, $( ) and the like.
struct ShellFrame {
  enum class In {
    commands,  // the line itself, $( ) and ( )
    double_quotes,
    single_quotes,
    braces,         // ${ }
    quoted_braces,  // ${ } within double quotes
    arithmetic,     // $(( )) and (( ))
    backquotes,
  };

  In in = In::commands;
  bool closable = false;       // commands: ends with ')'
  bool is_text = false;        // commands: $( ), a part of a word outside; else ( )
  bool quotes_count = true;    // braces: ' begins single quotes
  bool is_calculated = false;  // braces: what stands there is a number to the shell
  bool has_escapes = false;    // single quotes: $' ', where a shell may know \'
  char closes = ')';           // arithmetic: what ends it
  int depth = 0;               // arithmetic: open parentheses
  int open_cases = 0;          // commands: "case" without "esac"; their patterns end with ')'

  // commands: the simple command that is being read.
  std::vector<std::string> words;
  std::string word;
  bool in_word = false;
  bool is_target = false;   // the next word belongs to < or >
  bool is_pattern = false;  // what is read is a pattern of "case", no command
  bool is_list = false;     // of a=( ) or [[ ]], where no word is a command either

  void end_word() {
    if (!in_word) return;
    const bool is_first = std::all_of(words.begin(), words.end(), [](const std::string& one) {
      return text::is_one_of(one, {"if", "then", "elif", "else", "while", "until", "do", "{", "!"});
    });
    if (is_first && word == "case") ++open_cases;
    if (is_first && word == "esac" && open_cases > 0) --open_cases;
    if (is_first && word == "esac") is_pattern = false;
    if (open_cases > 0 && words.size() >= 2 && word == "in" && words[words.size() - 2] == "case")
      is_pattern = true;
    if (is_first && word == "[[") is_list = true;
    if (word == "]]") is_list = false;
    if (!is_target) words.push_back(word);
    is_target = false;
    word.clear();
    in_word = false;
  }
  void end_command() {
    end_word();
    words.clear();
    is_target = false;
  }
};
/// << and what ends its text.
struct HereDocument {
  std::string end;
  bool strip_tabs = false;
};

}  // namespace rbit
