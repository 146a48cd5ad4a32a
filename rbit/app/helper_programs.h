#pragma once

#include <string>

namespace rbit {

/// Where the other parts of rbit are: beside this program in a build tree, else in
/// `../libexec/rbit` from it, wherever the prefix is.
struct HelperPrograms {
  std::string leader;           // rbit-leader
  std::string plugin_host;      // rbit-plugin-host
  std::string python_host_dir;  // the directory with the package rbit_host
};

/// Throws Fatal if they are not there.
HelperPrograms find_helper_programs();

}  // namespace rbit
