#pragma once

#include <boost/program_options/options_description.hpp>
#include <boost/program_options/variables_map.hpp>
#include <string>

#include "rbit/config/settings.h"

namespace rbit {

// The options of `rbit submit` that make a PyBit build request: --package and its like.

void add_request_options(boost::program_options::options_description& options);
/// The first of them that was given, with its dashes; "": none.
std::string said_request_option(const boost::program_options::variables_map& values);
/// The body. Throws Fatal.
std::string compose_request(const boost::program_options::variables_map& values,
                            const config::Settings& settings, const std::string& queue);

}  // namespace rbit
