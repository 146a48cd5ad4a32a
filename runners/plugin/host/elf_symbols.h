#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace rbit::plugin_host {

/// The names of the data symbols that the shared library open at `fd` exports and that begin with
/// `prefix`, sorted. Read from the file, nothing is loaded; empty for whatever is not understood.
std::vector<std::string> exported_data(int fd, std::string_view prefix);

}  // namespace rbit::plugin_host
