#include <sys/stat.h>

#include "rbit/amqp/tls_check.h"
#include "rbit/app/amqp_checks.h"
#include "rbit/app/amqp_wiring.h"
#include "rbit/base/loopback.h"

namespace rbit {

void check_broker(const config::Settings& settings, Findings& findings) {
  const amqp::ConnectionSettings connection = connection_settings(settings, "check");
  std::string hosts;
  for (const auto& endpoint : connection.endpoints)
    hosts += (hosts.empty() ? "" : ", ") + endpoint.text();
  findings.ok("[amqp] " + hosts + ", user '" + connection.user + "', virtual host '" +
              connection.virtual_host + "'");
  if (!connection.tls) {
    for (const auto& endpoint : connection.endpoints)
      if (!is_loopback(endpoint.host))
        findings.warn({"", "[amqp] the password travels to " + endpoint.text() + " unencrypted",
                       "amqps:// and port 5671 would protect it"});
    return;
  }
  if (!connection.tls->verify)
    findings.warn({"[amqp] tls-verify = no", "nobody knows who answers",
                   "name the broker's authority in ca-file"});
  for (const auto& finding : amqp::check_tls_files(*connection.tls)) {
    Error error = finding.error;
    error.thing = "[amqp] " + error.thing;
    finding.fatal ? findings.fail(error) : findings.warn(error);
  }
  const std::string& key = connection.tls->key_file;
  struct stat info {};
  if (!key.empty() && ::stat(key.c_str(), &info) == 0 && (info.st_mode & S_IRWXO) != 0)
    findings.fail({"[amqp] key-file = " + key, "all users may read it", "chmod o= " + key});
}

}  // namespace rbit
