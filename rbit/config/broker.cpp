#include "rbit/base/host_port.h"
#include "rbit/base/loopback.h"
#include "rbit/base/text.h"
#include "rbit/config/broker_url.h"
#include "rbit/config/password.h"
#include "rbit/config/section_reader.h"
#include "rbit/config/sections.h"
#include "rbit/config/values.h"

namespace rbit::config {

namespace {

/// What the url says, with an error for each key that says it too.
BrokerUrl read_url(SectionReader& reader) {
  const std::string text = reader.text("url");
  if (text.empty()) return {};
  auto url = parse_broker_url(text);
  if (!url) {
    reader.error("url", url.error().text());
    return {};
  }
  const auto also = [&](const char* key) {
    if (const IniValue* entry = reader.own(key))
      reader.error(key, "is said by url too (" +
                            reader.entry("url")->place.seen_from(entry->place) + "); drop one");
  };
  also("host");
  also("port");
  if (url->user || url->local) also("user");
  if (url->password || url->local) {
    also("password");
    also("password-file");
  }
  if (url->virtual_host || url->local) also("virtual_host");
  return *url;
}

void read_hosts(SectionReader& reader, BrokerSettings& broker) {
  std::vector<std::string> hosts;
  for (auto host : reader.list("host")) {
    // An IPv6 address without brackets and so without a port.
    if (!host.starts_with('[') && host.find(':') != host.rfind(':')) host = "[" + host + "]";
    if (parse_host_port(host))
      hosts.push_back(host);
    else
      reader.wrong("host", host, "is neither HOST nor HOST:PORT");
  }
  if (!hosts.empty()) broker.hosts = hosts;
}

/// The key's value: the url's if it says it, noted where the url stands. An empty one is as none.
void read_or_url(SectionReader& reader, const char* key, const std::optional<std::string>& said,
                 std::string& into) {
  std::string value = said.value_or(into);
  if (said)
    reader.note(key, *said, reader.entry("url")->place);
  else
    reader.read(key, value);
  if (!value.empty()) into = value;
}

void read_credentials(SectionReader& reader, const BrokerUrl& url, BrokerSettings& broker) {
  read_or_url(reader, "user", url.user, broker.user);
  broker.password = read_password(reader, url.password);
}

void read_tls(SectionReader& reader, BrokerSettings& broker) {
  reader.read("ca-file", broker.ca_file);
  reader.read("cert-file", broker.cert_file);
  reader.read("key-file", broker.key_file);
  reader.read("tls-verify", broker.tls_verify);
  for (const char* key : {"ca-file", "cert-file", "key-file", "tls-verify"}) {
    const bool harmless = std::string_view(key) == "tls-verify" && broker.tls_verify;
    if (reader.has(key) && !broker.tls && !harmless)
      reader.error(key, "counts with TLS only (write url = amqps://HOST/)");
  }
  if (broker.cert_file.empty() != broker.key_file.empty())
    reader.error(broker.cert_file.empty() ? "key-file" : "cert-file",
                 "needs 'cert-file' and 'key-file' together");
  if (broker.tls_verify || !broker.tls) return;
  for (const std::string& host : broker.hosts)
    if (const auto parts = parse_host_port(host); !parts || !is_loopback(parts->host))
      reader.error("tls-verify",
                   "is no, and '" + text::one_line(host, 80) +
                       "' is another machine: anybody between could be the broker (name its "
                       "authority in ca-file)");
}

}  // namespace

void read_amqp(const Ini& ini, Loaded& loaded) {
  SectionReader reader(find_child(ini, "amqp"), "amqp", "amqp", loaded);
  BrokerSettings& broker = loaded.settings.broker;
  const BrokerUrl url = read_url(reader);
  broker.local = url.local;
  broker.tls = url.tls;
  if (broker.local) {  // nothing else has a meaning then
    drop_password_variable(reader);
    return;
  }
  if (url.hosts.empty()) {
    read_hosts(reader, broker);
    reader.read("port", broker.port);
  } else {
    broker.hosts = url.hosts;
    if (url.tls) broker.port = 5671;  // of hosts that name none
    const Place place = reader.entry("url")->place;
    reader.note("host", text::join(url.hosts, ", "), place);
    reader.note("port", std::to_string(broker.port), place);
  }
  read_credentials(reader, url, broker);
  read_or_url(reader, "virtual_host", url.virtual_host, broker.virtual_host);
  std::chrono::milliseconds heartbeat = broker.heartbeat;
  reader.read("heartbeat", heartbeat);
  broker.heartbeat = std::chrono::ceil<std::chrono::seconds>(heartbeat);
  if (broker.heartbeat < std::chrono::seconds(1) || broker.heartbeat > std::chrono::hours(1))
    reader.error("heartbeat", "is not from 1s to 1h");
  reader.read("reconnect-ceiling", broker.reconnect_ceiling);
  if (broker.reconnect_ceiling < std::chrono::milliseconds(10) ||
      broker.reconnect_ceiling > std::chrono::hours(1))
    reader.error("reconnect-ceiling", "is not from 10ms to 1h");
  read_tls(reader, broker);
}

}  // namespace rbit::config
