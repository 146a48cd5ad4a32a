#include "rbit/monitor/admission.h"

#include <utility>

#include "rbit/base/text.h"

namespace rbit {

namespace {

namespace http = boost::beast::http;

HttpReply refusal(int code, const std::string& why) {
  return {code, "text/plain; charset=utf-8", why + "\n"};
}

/// Returns the host, in lower case, of a Host header that is HOST, HOST:PORT, [V6] or [V6]:PORT,
/// and "" of all else. What is in brackets may be no address: it is compared as a whole.
std::string host_name(std::string_view header) {
  const auto end = header.starts_with('[') ? header.find(']') + 1 : header.find(':');
  const std::string_view name = header.substr(0, end), port = header.substr(name.size());
  long long number = 0;
  if (!port.empty() && !(port.starts_with(':') && port.size() <= 6 &&
                         text::parse_number(port.substr(1), 1, 65535, number)))
    return "";
  return text::lower(name);
}

/// Where the request says it comes from. A browser says so of every POST, and a page cannot make it
/// lie.
enum class Origin { own, other, unsaid };

Origin origin_of(const Admission::Fields& fields) {
  // Sent where the connection is safe, by proxies that rename the host too: it decides. "none" is
  // what somebody typed, or a bookmark: no page made him ask.
  if (const std::string_view site = fields["Sec-Fetch-Site"]; !site.empty())
    return site == "same-origin" ? Origin::own : site == "none" ? Origin::unsaid : Origin::other;
  const std::string_view origin = fields[http::field::origin];
  if (origin.empty())
    return fields.count(http::field::origin) == 0 ? Origin::unsaid : Origin::other;
  const auto scheme = origin.find("://");
  if (scheme == std::string_view::npos) return Origin::other;  // "null"
  const std::string_view host = fields[http::field::host];
  const bool is_own = text::lower(origin.substr(scheme + 3)) == text::lower(host);
  return is_own && !host.empty() ? Origin::own : Origin::other;
}

}  // namespace

bool Admission::is_bearer(const Fields& fields) const {
  const std::string_view given = fields[http::field::authorization];
  constexpr std::string_view scheme = "Bearer ";
  return given.starts_with(scheme) && same_secret(given.substr(scheme.size()), token_);
}

/// The cookie of ours among those that came.
std::string Admission::session_in(const Fields& fields) const {
  const std::string_view cookies = fields[http::field::cookie];
  for (const std::string& one : text::split(cookies, ';')) {
    const std::string_view cookie = text::trim(one);
    if (cookie.starts_with(cookie_) && cookie.substr(cookie_.size()).starts_with('='))
      return std::string(cookie.substr(cookie_.size() + 1));
  }
  return "";
}

bool Admission::is_own_name(const Fields& fields, int version) const {
  if (fields.count(http::field::host) == 0 && version < 11) return true;  // no browser
  const std::string host = host_name(fields[http::field::host]);
  return host == "localhost" || host == "127.0.0.1" || host == "[::1]" || host == own_host_;
}

Admission::Verdict Admission::look(const Fields& fields, int version) {
  Verdict verdict;
  HttpVisitor& visitor = verdict.visitor;
  const Origin origin = origin_of(fields);
  visitor.is_foreign = origin == Origin::other;
  if (fields.count(http::field::host) > 1) {
    verdict.refusal = refusal(400, "more than one Host");
    return verdict;
  }
  if (token_.empty()) {
    visitor.may_read = is_own_name(fields, version);
    if (!visitor.may_read) verdict.refusal = refusal(403, "unknown Host");
    return verdict;
  }
  // Who has the token, or a cookie that was set under this name, is no rebound page.
  if (is_bearer(fields)) {
    visitor.may_read = true;
    visitor.may_act = !visitor.is_foreign;
  } else if (const auto* session = sessions_.find(session_in(fields))) {
    visitor.may_read = true;
    visitor.session = session->name;
    visitor.form = session->form;
    visitor.may_act = origin == Origin::own && same_secret(fields["X-Rbit-Form"], session->form);
  } else {
    verdict.refusal = refusal(401, "a bearer token is needed");
    verdict.refusal->headers.emplace_back("WWW-Authenticate", "Bearer");
  }
  return verdict;
}

std::optional<std::string> Admission::open_session(std::string_view token) {
  if (token_.empty() || !same_secret(token, token_)) return std::nullopt;
  return cookie_ + "=" + sessions_.open().name + "; Path=/; HttpOnly; SameSite=Strict";
}

std::string Admission::close_session(std::string_view name) {
  sessions_.close(name);
  return cookie_ + "=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0";
}

}  // namespace rbit
