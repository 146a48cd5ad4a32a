#pragma once

#include <string_view>

namespace rbit {

/// What is wrong with `transport.uri` of a message, a stranger's text that ends up as an argument
/// of curl, git, svn and the like; "" if nothing is. It is one of
///   SCHEME://[USER@]HOST[:PORT][/...]   of the schemes that lead to a network
///   USER@HOST:PATH                      git's other way to write ssh://USER@HOST/PATH
///   a path or a name                    without anything that a tool might take for a scheme
/// The first part of it is spelled out here character by character, as tools differ in what they
/// make of the rest: curl takes {file}:///x and [f-f]ile:///x for file:///x, git takes
/// WORD::ADDRESS for a command, ssh takes a host that begins with '-' for an option.
std::string_view wrong_with_uri(std::string_view uri);

}  // namespace rbit
