#include "rbit/intake/source_uri.h"

#include <algorithm>
#include <string>

#include "rbit/base/text.h"

namespace rbit {

namespace {

constexpr std::string_view schemes[] = {"http", "https", "git", "ssh", "svn", "git+ssh", "svn+ssh"};
constexpr std::string_view bad_scheme = "is not of http, https, git, ssh or svn";
constexpr std::string_view bad_host = "names no host (a name or address, then perhaps a port)";

/// Letters, digits and `also`; the first is none of `also`, so that it is no option.
bool is_word(std::string_view text, std::string_view also) {
  return !text.empty() && text::is_alnum(text.front()) && text::has_only(text, also);
}

bool is_port(std::string_view text) {
  return text.size() <= 5 && text.find_first_not_of("0123456789") == text.npos;
}

/// HOST[:PORT], with an IPv6 address in brackets.
bool is_host(std::string_view text) {
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == text.npos || end < 3) return false;
    const std::string_view address = text.substr(1, end - 1), port = text.substr(end + 1);
    return address.find_first_not_of("0123456789abcdefABCDEF:.") == address.npos &&
           (port.empty() || (port.front() == ':' && is_port(port.substr(1))));
  }
  const auto colon = text.find(':');
  if (!is_word(text.substr(0, colon), ".-_")) return false;
  return colon == text.npos || is_port(text.substr(colon + 1));
}

/// NAME or NAME:PASSWORD, as far as no tool takes it for something else.
bool is_user(std::string_view text) {
  return is_word(text, "!$&'()*+,-.:;=_~%");
}

std::string_view wrong_with_authority(std::string_view authority) {
  const auto at = authority.rfind('@');
  if (at != authority.npos && !is_user(authority.substr(0, at)))
    return "has a user part that is none (other characters as %NN)";
  return is_host(at == authority.npos ? authority : authority.substr(at + 1)) ? "" : bad_host;
}

}  // namespace

std::string_view wrong_with_uri(std::string_view uri) {
  if (uri.starts_with(' ') || uri.ends_with(' ')) return "begins or ends with a blank";
  if (uri.starts_with("//")) return bad_scheme;  // "the scheme of this page"
  const auto colon = uri.find(':');
  const bool has_scheme = colon < uri.find('/') || uri.find(":/") != uri.npos;
  if (!has_scheme) {
    // curl makes alternatives of these, and one of them may have a scheme.
    if (uri.find_first_of("{}[]\\") != uri.npos)
      return "has a brace, a bracket or a backslash in it";
    if (uri.substr(0, uri.find('/')).find('%') != uri.npos)
      return "begins with an escaped character";
    return "";
  }
  const std::string scheme = text::lower(uri.substr(0, colon));
  const std::string_view rest = uri.substr(colon + 1);
  if (std::find(std::begin(schemes), std::end(schemes), scheme) == std::end(schemes)) {
    const std::string_view before = uri.substr(0, colon);
    const auto at = before.find('@');
    const bool is_ssh = at != before.npos && is_word(before.substr(0, at), ".-_") &&
                        is_word(before.substr(at + 1), ".-_") && !rest.starts_with(':') &&
                        !rest.starts_with("//") && !rest.starts_with('-');
    return is_ssh ? "" : bad_scheme;
  }
  if (!rest.starts_with("//")) return bad_scheme;
  const auto end = rest.find_first_of("/?#", 2);
  // A tool that ends the host at '/' alone would find another one behind these.
  if (end != rest.npos && rest[end] != '/' && !scheme.starts_with("http")) return bad_host;
  return wrong_with_authority(rest.substr(2, end == rest.npos ? end : end - 2));
}

}  // namespace rbit
