#include <boost/asio/io_context.hpp>

#include "rbit/app/checks.h"
#include "rbit/app/run_alone.h"
#include "rbit/report/http_client.h"
#include "rbit/report/pybit_address.h"

namespace rbit {

namespace {

/// PyBit answers a POST of an empty form to /job/0 with 400 if the password is right, else with
/// 401: job 0 is nobody's, and a form without a status changes nothing. The password is looked at
/// first.
void judge(const std::string& thing, bool with_password, const Result<HttpAnswer>& answer,
           CheckFindings& findings) {
  if (!answer) {
    findings.fail({thing, answer.error().what(), "start the front-end, or correct [status] url"});
  } else if (answer->status == 400) {
    findings.ok(thing + (with_password ? " takes our name and password" : " answers"));
  } else if (answer->status == 401 && with_password) {
    findings.fail(
        {thing, "refuses our name and password", "correct [status] username and password-file"});
  } else if (answer->status == 401) {
    findings.fail(
        {thing, "wants a name and a password", "write [status] username and password-file"});
  } else if (answer->status >= 500) {
    findings.warn({thing, "is ill: it answers with " + std::to_string(answer->status),
                   "look at its log; reports wait until it is well"});
  } else {
    findings.fail({thing,
                   "does not answer as PyBit does: " + std::to_string(answer->status) +
                       " to POST /job/0, where PyBit says 400 or 401",
                   "correct [status] url"});
  }
}

Task<Result<void>> ask(asio::any_io_executor loop, const PybitAddress& address,
                       const std::string& base, CheckFindings& findings) {
  HttpClient http(loop);
  HttpRequest request = address.request("POST", base + "/job/0");
  address.authorise(request, base);
  const bool with_password = address.has_password_for(base);
  if (!with_password && !address.settings().username.empty())
    findings.warn(
        {"[status] username",
         "is not sent to " + base + ", for over plain http a password goes to this machine only",
         "use https"});
  const std::string thing = "[status] front-end " + base;
  const Result<HttpAnswer> answer = co_await http.send(std::move(request));
  judge(thing, with_password, answer, findings);
  co_return Result<void>();
}

}  // namespace

void check_front_end(const config::Settings& settings, CheckFindings& findings) {
  const config::StatusSettings& status = settings.status;
  if (!status.reports_to("pybit")) return;
  std::vector<std::string> bases;
  if (!status.url.empty())
    bases.push_back(status.url);
  else
    for (const auto& host : status.allow_hosts) bases.push_back("http://" + host);
  PybitSettings credentials;  // without the url, of which it would speak in the log
  credentials.username = status.username;
  credentials.password = status.password;
  const PybitAddress address(std::move(credentials));
  for (const auto& base : bases) {
    asio::io_context loop{1};
    (void)run_alone(loop, ask(loop.get_executor(), address, base, findings));
  }
}

}  // namespace rbit
