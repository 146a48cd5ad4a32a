#include "rbit/report/pybit_address.h"

#include <string_view>
#include <utility>

#include "rbit/base/host_port.h"
#include "rbit/base/loopback.h"
#include "rbit/base/text.h"
#include "rbit/log/log.h"

namespace rbit {

namespace {

/// Ids from here on are `rbit submit`'s own: to a front-end they could only be a stranger's.
/// PyBit's are a serial of 31 bits.
constexpr long long first_own_id = 2'147'483'648;

constexpr long long most_id = 999'999'999'999'999'999;

/// HOST of scheme://HOST:PORT/..., without brackets.
std::string_view host_of(std::string_view url) {
  const auto scheme = url.find("://");
  if (scheme != std::string_view::npos) url.remove_prefix(scheme + 3);
  url = url.substr(0, url.find_first_of("/?#"));
  if (const auto at = url.rfind('@'); at != std::string_view::npos) url.remove_prefix(at + 1);
  if (url.starts_with('[')) return url.substr(1, url.find(']') - 1);
  return url.substr(0, url.find(':'));
}

/// http://USER:PASSWORD@HOST: what is in the URL would be in the log with it.
void take_user_part(PybitSettings& settings) {
  const auto start = settings.url.find("://");
  if (start == std::string::npos) return;
  const auto end = settings.url.find_first_of("/?#", start + 3);
  const auto at = settings.url.rfind('@', end);
  if (at == std::string::npos || at < start) return;
  const std::string user = settings.url.substr(start + 3, at - start - 3);
  settings.url.erase(start + 3, at - start - 2);
  if (!settings.username.empty()) return;
  const auto colon = user.find(':');
  settings.username = user.substr(0, colon);
  if (colon != std::string::npos) settings.password = user.substr(colon + 1);
}

bool may_carry_password(std::string_view url) {
  return text::lower(url.substr(0, 8)) == "https://" || is_loopback(text::lower(host_of(url)));
}

}  // namespace

PybitAddress::PybitAddress(PybitSettings settings)
    : settings_(std::move(settings)),
      allowed_(settings_.allow_hosts.begin(), settings_.allow_hosts.end()) {
  while (settings_.url.ends_with('/')) settings_.url.pop_back();
  take_user_part(settings_);
  if (!settings_.url.empty() && !settings_.username.empty() && !may_carry_password(settings_.url))
    log::warning("[status] username and password are not sent to " + settings_.url +
                 ": over plain http they go to this machine only (use https)");
}

Result<std::string> PybitAddress::base_of(const std::string& web_host) const {
  if (!settings_.url.empty()) return settings_.url;
  if (web_host.empty()) return Error{"", "the message names no web_host", "set [status] url"};
  // The text of a message: shown only as one line, used only if the operator wrote the same.
  if (!parse_host_port(web_host) || !allowed_.contains(web_host))
    return Error{"", "web_host '" + text::one_line(web_host, 100) + "' is not allowed",
                 "set [status] url, or name it in allow-hosts"};
  return "http://" + web_host;
}

Result<std::optional<std::string>> PybitAddress::number_of(const std::string& job_id) {
  long long id = 0;
  if (!text::parse_number(job_id, 0, most_id, id)) return Error{"", "the job's id is not a number"};
  if (id >= first_own_id) return std::optional<std::string>();
  return std::optional<std::string>(std::to_string(id));
}

HttpRequest PybitAddress::request(std::string method, std::string url) const {
  HttpRequest request;
  request.method = std::move(method);
  request.url = std::move(url);
  request.connect_limit = settings_.connect_limit;
  request.limit = settings_.limit;
  return request;
}

bool PybitAddress::has_password_for(const std::string& base) const {
  return !settings_.username.empty() && may_carry_password(base);
}

void PybitAddress::authorise(HttpRequest& request, const std::string& base) const {
  if (!has_password_for(base)) return;
  request.user = settings_.username;
  request.password = settings_.password;
}

}  // namespace rbit
