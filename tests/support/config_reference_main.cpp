// Prints what is made from the table of keys: `ini` for conf/rbit.ini, `man` for the section KEYS
// of man/rbit.ini.5. The tests compare; this writes them anew after a change of the table.
#include <iostream>
#include <string_view>

#include "tests/support/config_reference.h"

int main(int count, char** arguments) {
  const std::string_view what = count == 2 ? arguments[1] : "";
  if (what == "ini") {
    std::cout << rbit::config::reference_ini();
  } else if (what == "man") {
    std::cout << rbit::config::man_keys();
  } else {
    std::cerr << "usage: config_reference ini|man\n";
    return 2;
  }
  return std::cout.flush() ? 0 : 1;
}
