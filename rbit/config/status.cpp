#include <algorithm>

#include "rbit/base/host_port.h"
#include "rbit/base/loopback.h"
#include "rbit/base/secrets.h"
#include "rbit/base/text.h"
#include "rbit/config/password.h"
#include "rbit/config/secret_file.h"
#include "rbit/config/section_reader.h"
#include "rbit/config/sections.h"
#include "rbit/config/values.h"

namespace rbit::config {

namespace {

const std::vector<std::string> sinks{"log", "pybit", "amqp", "webhook"};

/// Without `report` the other keys show where reports are to go.
std::vector<std::string> default_report(SectionReader& reader, bool coyote) {
  std::vector<std::string> report;
  if (reader.has("url") || reader.has("allow-hosts")) report.emplace_back("pybit");
  // coyote had no [status] and sent to its queue always.
  if (reader.has("queue") || (coyote && report.empty())) report.emplace_back("amqp");
  if (reader.has("webhook-url")) report.emplace_back("webhook");
  report.emplace_back("log");
  return report;
}

std::vector<std::string> read_report(SectionReader& reader, bool coyote) {
  if (!reader.has("report")) {
    auto report = default_report(reader, coyote);
    reader.note("report", text::join(report, ", "), {});
    return report;
  }
  std::vector<std::string> report;
  for (const auto& item : reader.list("report")) {
    if (std::find(sinks.begin(), sinks.end(), item) == sinks.end()) {
      const auto near = text::did_you_mean(item, sinks);
      reader.wrong(
          "report", item,
          std::string("is not known") + (near ? " (did you mean '" + *near + "'?)"
                                              : " (known: " + text::join(sinks, ", ") + ")"));
    } else if (std::find(report.begin(), report.end(), item) == report.end()) {
      report.push_back(item);
    }
  }
  return report;
}

std::string read_url(SectionReader& reader) {
  std::string url = reader.text("url");
  while (url.ends_with('/')) url.pop_back();
  if (url.empty()) return url;
  std::string_view rest = url;
  if (rest.starts_with("http://"))
    rest.remove_prefix(7);
  else if (rest.starts_with("https://"))
    rest.remove_prefix(8);
  else
    rest = {};
  if (rest.find('@') != std::string_view::npos)
    reader.error("url", "holds a user (write username and password-file instead)");
  else if (!parse_host_port(rest.substr(0, rest.find('/'))) ||
           rest.find_first_of("?# \t\n") != std::string_view::npos)
    reader.wrong("url", url, "is not http://HOST:PORT");
  return url;
}

/// What follows the host may be the token by which rbit is known there: no text shows it.
void hide_path(std::string_view path, SectionReader& reader) {
  constexpr std::size_t least_token = 16;  // a shorter path is no secret, and a word of many texts
  if (path.size() >= least_token) secrets::hide(path);
  for (Value& value : reader.loaded().values)
    if (value.section == "status" && value.key == "webhook-url" && path.size() > 1 &&
        value.text.ends_with(path))
      value.text.replace(value.text.size() - path.size(), path.size(), "/***");
}

/// Its path is somebody else's, and may hold a question mark.
void read_webhook_url(SectionReader& reader, StatusSettings& status) {
  status.webhook_url = reader.text("webhook-url");
  const std::string_view url = status.webhook_url;
  if (url.empty()) return;
  const std::size_t host = url.starts_with("http://") ? 7 : url.starts_with("https://") ? 8 : 0;
  const std::string_view rest = url.substr(host);
  const std::string_view place = rest.substr(0, rest.find_first_of("/?"));
  const auto address = parse_host_port(place);
  if (place.find('@') != std::string_view::npos) {
    reader.error("webhook-url",
                 "holds a user (who gets it knows rbit by webhook-secret-file, or by a token in "
                 "its path)");
  } else if (host == 0 || !address || rest.find('#') != std::string_view::npos ||
             !text::is_printable(rest) || rest.find(' ') != std::string_view::npos) {
    reader.error("webhook-url", "is not http://HOST... or https://HOST...");  // may hold a token
  } else if (host == 7 && !is_loopback(address->host) &&
             (reader.has("webhook-secret-file") || reader.has("webhook-body"))) {
    reader.doubt("webhook-url",
                 "is plain http to another machine: whoever is on the way can read the reports, "
                 "and send them once more (write https://...)");
  }
  hide_path(rest.substr(place.size()), reader);
}

void read_webhook(SectionReader& reader, StatusSettings& status) {
  read_webhook_url(reader, status);
  std::string file;
  reader.read("webhook-secret-file", file);
  if (!file.empty()) {
    auto secret = read_secret_file(file);
    if (!secret)
      reader.error("webhook-secret-file", secret.error().text());
    else if (secret->empty())
      reader.error("webhook-secret-file", file + ": is empty (write a secret into it)");
    else
      status.webhook_secret = std::move(*secret);
  }
  reader.read("webhook-body", status.webhook_body);
  if (status.reports_to("webhook") && status.webhook_url.empty())
    reader.error("report", "webhook needs 'webhook-url' (write webhook-url = https://HOST/...)");
}

std::vector<std::string> read_allow_hosts(SectionReader& reader) {
  auto hosts = reader.list("allow-hosts");
  for (const auto& host : hosts)  // a password may go there
    if (!parse_host_port(host) || host.find('_') != std::string::npos)
      reader.wrong("allow-hosts", host, "is not HOST:PORT");
  return hosts;
}

void read_credentials(SectionReader& reader, StatusSettings& status) {
  reader.read("username", status.username);
  status.password = read_password(reader);
  if (status.username.find(':') != std::string::npos)
    reader.error("username", "must have no ':' in it (Basic authentication ends it there)");
  if (status.username.empty() && (!status.password.empty() || reader.has("password-file")))
    reader.error("", "has a password and no 'username'", reader.place());
}

/// It belongs to [rbit], but its default is the front-end's affair.
void settle_command_queue(const Ini& ini, Loaded& loaded) {
  Settings& settings = loaded.settings;
  auto& queue = settings.command_queue;
  const bool pybit = settings.status.reports_to("pybit");
  const bool said = queue.has_value();
  const auto flag = parse_flag(queue.value_or(""));
  if (flag == true) queue = "build_client_" + settings.name;
  if (flag == false) {
    queue.reset();
  } else if (settings.broker.local && said) {
    const std::string section = settings.coyote ? "coyote" : "rbit";
    SectionReader reader(find_child(ini, section), "rbit", section, loaded);
    reader.error("command-queue",
                 "needs a broker, and [amqp] url is 'local:' (name its host there)");
  } else if (!said && pybit && !settings.broker.local) {
    queue = "build_client_" + settings.name;
  }
  if (said) return;
  for (auto& value : loaded.values)
    if (value.key == "command-queue" && value.place.line == 0) value.text = queue.value_or("no");
}

}  // namespace

void read_status(const Ini& ini, Loaded& loaded) {
  const Ini* section = find_child(ini, "status");
  SectionReader reader(section, "status", "status", loaded);
  StatusSettings& status = loaded.settings.status;
  status.said = section != nullptr;
  status.report = read_report(reader, loaded.settings.coyote);
  status.url = read_url(reader);
  read_webhook(reader, status);
  status.allow_hosts = read_allow_hosts(reader);
  read_credentials(reader, status);
  reader.read("check-before-build", status.check_before_build);
  reader.read("queue", status.queue);
  reader.check_name("queue", status.queue);
  for (const Status one : {Status::waiting, Status::building, Status::done, Status::failed,
                           Status::blocked, Status::cancelled}) {
    const std::string key = "name-" + text::lower(to_string(one));
    auto& name = status.names[one] = to_string(one);
    reader.read(key, name);
    if (name.empty()) reader.error(key, "must not be empty");
  }
  for (const auto& sink : status.report)
    if (sink == "pybit" && status.url.empty() && status.allow_hosts.empty())
      reader.error("report", "pybit needs 'url' (write url = http://HOST:PORT)");
  if (loaded.settings.broker.local && std::erase(status.report, "amqp") > 0 && reader.has("report"))
    reader.error("report", "amqp needs a broker, and [amqp] url is 'local:' (name its host there)");
  settle_command_queue(ini, loaded);
}

}  // namespace rbit::config
