#include <boost/asio/io_context.hpp>

#include "rbit/app/checks.h"
#include "rbit/app/run_alone.h"
#include "rbit/report/http_client.h"
#include "rbit/report/webhook_sink.h"

namespace rbit {

namespace {

Task<Result<void>> connect(asio::any_io_executor loop, std::string url, std::string origin) {
  HttpClient http(loop);
  HttpRequest request;
  request.method = "GET";
  request.url = std::move(url);
  request.shown_as = std::move(origin);
  request.limit = request.connect_limit;
  request.only_connect = true;  // whatever is asked there might do something
  const Result<HttpAnswer> answer = co_await http.send(std::move(request));
  co_return answer ? Result<void>() : answer.error();
}

}  // namespace

void check_webhook(const config::Settings& settings, CheckFindings& findings) {
  if (!settings.status.reports_to("webhook")) return;
  const std::string origin = origin_of(settings.status.webhook_url);
  asio::io_context loop{1};
  const Result<void> reached =
      run_alone(loop, connect(loop.get_executor(), settings.status.webhook_url, origin));
  if (reached)
    findings.ok("[status] webhook " + origin + " can be reached");
  else
    findings.fail({"[status] webhook " + origin, reached.error().reason,
                   "start who listens there, or correct [status] webhook-url"});
}

}  // namespace rbit
