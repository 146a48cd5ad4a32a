#pragma once

#include <string>
#include <vector>

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
  bool is_target = false;  // the next word belongs to < or >

  void end_word() {
    if (!in_word) return;
    if (words.empty() && word == "case") ++open_cases;
    if (words.empty() && word == "esac" && open_cases > 0) --open_cases;
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
