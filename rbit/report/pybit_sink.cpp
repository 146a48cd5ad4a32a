#include "rbit/report/pybit_sink.h"

#include <utility>

#include "rbit/base/log.h"
#include "rbit/base/text.h"

namespace rbit {

namespace {

/// Ids from here on are `rbit submit`'s own: to a front-end they could only be a stranger's
/// (INTEROP.md 8). PyBit's are a serial of 31 bits.
constexpr long long first_own_id = 2'147'483'648;

constexpr long long most_id = 999'999'999'999'999'999;

SinkAnswer dropped(std::string reason) {
  SinkAnswer answer;
  answer.kind = SinkAnswer::Kind::dropped;
  answer.reason = std::move(reason);
  return answer;
}

SinkAnswer retry(std::string reason) {
  SinkAnswer answer;
  answer.kind = SinkAnswer::Kind::retry;
  answer.reason = std::move(reason);
  return answer;
}

bool all_of(std::string_view text, std::string_view extra, bool letters) {
  for (const char c : text) {
    const bool digit = c >= '0' && c <= '9';
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!digit && !(letter && letters) && extra.find(c) == std::string_view::npos) return false;
  }
  return true;
}

/// ^([A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?$ (RELIABILITY.md 7, rule 4), by hand:
/// std::regex recurses on what a stranger wrote.
bool is_host(std::string_view text) {
  std::string_view host = text, port;
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == std::string_view::npos) return false;
    host = text.substr(1, end - 1);
    port = text.substr(end + 1);
    if (host.empty() || !all_of(host, "abcdefABCDEF:.", false)) return false;
  } else {
    const auto colon = text.find(':');
    host = text.substr(0, colon);
    port = colon == std::string_view::npos ? std::string_view() : text.substr(colon);
    if (host.empty() || host.size() > 253 || !all_of(host, ".-", true)) return false;
  }
  if (port.empty()) return true;
  return port.front() == ':' && port.size() >= 2 && port.size() <= 6 &&
         all_of(port.substr(1), "", false);
}

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

bool is_loopback(std::string_view host) {
  const bool v4 = host.starts_with("127.") && all_of(host, ".", false);
  return v4 || host == "::1" || text::lower(host) == "localhost";
}

bool may_carry_password(std::string_view url) {
  return text::lower(url.substr(0, 8)) == "https://" || is_loopback(host_of(url));
}

}  // namespace

PybitSink::PybitSink(const asio::any_io_executor& loop, PybitSettings settings)
    : http_(loop),
      settings_(std::move(settings)),
      allowed_(settings_.allow_hosts.begin(), settings_.allow_hosts.end()) {
  while (settings_.url.ends_with('/')) settings_.url.pop_back();
  take_user_part(settings_);
  if (!settings_.url.empty() && !settings_.username.empty() && !may_carry_password(settings_.url))
    log::warning("[status] username and password are not sent to " + settings_.url +
                 ": over plain http they go to this machine only (use https)");
}

Result<std::string> PybitSink::base_of(const Report& report) const {
  if (!settings_.url.empty()) return settings_.url;
  if (report.web_host.empty())
    return Error{"", "the message names no web_host", "set [status] url"};
  // The text of a message: shown only as one line, used only if the operator wrote the same.
  if (!is_host(report.web_host) || !allowed_.contains(report.web_host))
    return Error{"", "web_host '" + text::one_line(report.web_host, 100) + "' is not allowed",
                 "set [status] url, or name it in allow-hosts"};
  return "http://" + report.web_host;
}

HttpRequest PybitSink::request(std::string method, std::string url) const {
  HttpRequest request;
  request.method = std::move(method);
  request.url = std::move(url);
  request.connect_limit = settings_.connect_limit;
  request.limit = settings_.limit;
  return request;
}

Task<SinkAnswer> PybitSink::send(const Report& report) {
  long long id = 0;
  if (!text::parse_number(report.job_id, 0, most_id, id))
    co_return dropped("the job's id is not a number");
  if (id >= first_own_id) {
    log::debug("job " + report.job_id + " is rbit's own, PyBit is not told of it");
    co_return SinkAnswer{};
  }
  const auto base = base_of(report);
  if (!base) co_return dropped(base.error().text());

  const auto renamed = settings_.names.find(report.status);
  const std::string status =
      renamed == settings_.names.end() ? std::string(to_string(report.status)) : renamed->second;
  const std::string job = std::to_string(id);  // no zeros in front
  HttpRequest put = request("PUT", *base + "/job/" + job);
  put.form = "status=" + HttpClient::escape(status);
  // With Building only: it ties the job to us, so that a cancel finds its way here.
  if (settings_.client && report.status == Status::building)
    put.form += "&client=" + HttpClient::escape(*settings_.client);
  if (may_carry_password(*base)) {
    put.user = settings_.username;
    put.password = settings_.password;
  }
  const auto answer = co_await http_.send(std::move(put));
  if (!answer) co_return retry(answer.error().text());
  const SinkAnswer judged = co_await judge(*answer, *base, job);
  co_return judged;
}

/// RELIABILITY.md 5's table.
Task<SinkAnswer> PybitSink::judge(const HttpAnswer& answer, const std::string& base,
                                  const std::string& job_id) {
  const long status = answer.status;
  std::string said = base + " answered " + std::to_string(status);
  if (status >= 200 && status < 300) co_return SinkAnswer{};
  if (status == 401 || status == 403 || status == 407) {
    SinkAnswer paused;
    paused.kind = SinkAnswer::Kind::paused;
    const bool sent = !settings_.username.empty() && may_carry_password(base);
    paused.reason = said + (sent ? "; check [status] username and password"
                            : settings_.username.empty()
                                ? "; set [status] username and password"
                                : "; a password goes over plain http to this machine only, use "
                                  "https");
    co_return paused;
  }
  if (status >= 300 && status < 400)
    co_return dropped(said + ", a redirect to '" + text::one_line(answer.location, 100) +
                      "', which is not followed; check [status] url");
  if (status == 500) {
    // Its 404 cannot be reached: an unknown job is a 500, as is a status it does not know.
    HttpRequest get = request("GET", base + "/job/" + job_id + "/status");
    const auto known = co_await http_.send(std::move(get));
    if (known && known->status == 404) co_return dropped("the front-end knows no job " + job_id);
  }
  if (status == 408 || status == 425 || status == 429 || status >= 500 || status < 200) {
    SinkAnswer later = retry(std::move(said));
    later.after = answer.retry_after;
    co_return later;
  }
  co_return dropped(std::move(said));
}

}  // namespace rbit
