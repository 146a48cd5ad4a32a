#pragma once

#include <boost/program_options/options_description.hpp>
#include <boost/program_options/variables_map.hpp>
#include <chrono>

#include "rbit/core/message.h"

namespace rbit {

// The options of `rbit submit` about a message's properties: --header and its like.

void add_message_options(boost::program_options::options_description& options);
/// Fills them in. Throws Fatal{usage}.
void read_message_options(const boost::program_options::variables_map& values, Message& message);
/// A time as in the INI file, "30s"; of an option that was not given 0. Throws Fatal{usage}.
std::chrono::milliseconds time_option(const boost::program_options::variables_map& values,
                                      const char* name);

}  // namespace rbit
