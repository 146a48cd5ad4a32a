#include "rbit/config/broker_url.h"

#include <charconv>

#include "rbit/base/host_port.h"
#include "rbit/base/text.h"
#include "rbit/config/values.h"

namespace rbit::config {

namespace {

/// None if a '%' is not followed by two hexadecimal digits, or by two zeros.
std::optional<std::string> decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const auto digits = text.substr(i + 1, 2);
    unsigned char byte = 0;
    const auto read = std::from_chars(digits.begin(), digits.end(), byte, 16);
    if (digits.size() < 2 || read.ptr != digits.end() || byte == 0) return std::nullopt;
    out += static_cast<char>(byte);
    i += 2;
  }
  return out;
}

const Error bad_percent{"", "has a '%' that begins no %XX", "write '%' itself as %25"};

Result<void> read_user(std::string_view text, BrokerUrl& url) {
  const auto colon = text.find(':');
  const auto user = decoded(text.substr(0, colon));
  if (!user) return bad_percent;
  url.user = *user;
  if (colon == std::string_view::npos) return {};
  const auto password = decoded(text.substr(colon + 1));
  if (!password) return bad_percent;
  url.password = *password;
  return {};
}

}  // namespace

Result<BrokerUrl> parse_broker_url(std::string_view text) {
  BrokerUrl url;
  if (text == "local:") {
    url.local = true;
    return url;
  }
  if (text.starts_with("local:"))
    return Error{"", "has something after 'local:'", "the queue lies in state-dir"};
  const auto scheme_end = text.find("://");
  const std::string scheme = text::lower(text.substr(0, scheme_end));
  if (scheme_end == std::string_view::npos || (scheme != "amqp" && scheme != "amqps"))
    return Error{"", "is no URL of a broker", "write amqp://HOST/, amqps://HOST/ or local:"};
  url.tls = scheme == "amqps";
  text.remove_prefix(scheme_end + 3);

  const auto authority_end = text.find_first_of("/?#");
  std::string_view authority = text.substr(0, authority_end);
  if (authority_end != std::string_view::npos) {
    const auto path = text.substr(authority_end);
    if (path.find_first_of("?#") != std::string_view::npos)
      return Error{"", "has options after '?' or '#'",
                   "write them as keys of [amqp], and '?', '#' in names as %3F, %23"};
    if (path.find('/', 1) != std::string_view::npos)
      return Error{"", "has a second '/' after the host", "in a virtual host write %2F"};
    url.virtual_host = decoded(path.substr(1));
    if (!url.virtual_host) return bad_percent;
    if (url.virtual_host->empty()) url.virtual_host = "/";  // brokers refuse ""
  }
  if (const auto at = authority.rfind('@'); at != std::string_view::npos) {
    if (authority.find('@') != at)
      return Error{"", "has more than one '@'", "write '@' in a user or password as %40"};
    if (auto read = read_user(authority.substr(0, at), url); !read) return read.error();
    authority.remove_prefix(at + 1);
  }
  for (const auto& host : text::split(authority, ',')) {
    if (host.empty() && authority.empty()) break;  // as amqp:///vhost: said below
    if (!parse_host_port(host))
      return Error{"", "has no HOST or HOST:PORT in '" + text::one_line(host, 80) + "'", ""};
    url.hosts.push_back(host);
  }
  if (url.hosts.empty()) return Error{"", "names no host", ""};
  return url;
}

std::string without_user(std::string_view url) {
  const auto begin = url.find("://");
  const auto at = url.rfind('@');
  if (begin == std::string_view::npos || at == std::string_view::npos || at < begin)
    return std::string(url);
  return std::string(url.substr(0, begin + 3)) + "***" + std::string(url.substr(at));
}

}  // namespace rbit::config
