#include "rbit/config/broker_url.h"

#include <doctest/doctest.h>

using namespace rbit::config;

namespace {

std::string read(std::string_view text) {
  const auto url = parse_broker_url(text);
  if (!url) return url.error().text();
  if (url->local) return "local";
  std::string out = url->tls ? "tls" : "plain";
  for (const auto& host : url->hosts) out += " " + host;
  const auto part = [&](const char* name, const std::optional<std::string>& value) {
    if (value) out += std::string(" ") + name + "=" + *value;
  };
  part("user", url->user);
  part("password", url->password);
  part("vhost", url->virtual_host);
  return out;
}

}  // namespace

TEST_CASE("a broker's URL says all or little") {
  CHECK(read("amqp://h") == "plain h");
  CHECK(read("amqp://u:p@h:1234/v") == "plain h:1234 user=u password=p vhost=v");
  CHECK(read("amqps://u@a,b:5671/") == "tls a b:5671 user=u vhost=/");
  CHECK(read("AMQP://u:@[::1]:5672") == "plain [::1]:5672 user=u password=");
  CHECK(read("local:") == "local");
}

TEST_CASE("user, password and virtual host are percent-decoded") {
  CHECK(read("amqp://a%40b:c%3a%2Fd@h/%2f") == "plain h user=a@b password=c:/d vhost=/");
  CHECK(read("amqp://h/a%2Fb") == "plain h vhost=a/b");
}

TEST_CASE("an empty virtual host is the one called /") {
  CHECK(read("amqp://h/") == "plain h vhost=/");
}

TEST_CASE("a URL that is wrong says how, and never its password") {
  CHECK(read("http://h") == "is no URL of a broker (write amqp://HOST/, amqps://HOST/ or local:)");
  CHECK(read("h:5672") == "is no URL of a broker (write amqp://HOST/, amqps://HOST/ or local:)");
  CHECK(read("amqp://u:geheim@h/%zz") == "has a '%' that begins no %XX (write '%' itself as %25)");
  CHECK(read("amqp://u:gehe%@h/") == "has a '%' that begins no %XX (write '%' itself as %25)");
  CHECK(read("amqp://u:ge%00@h/") == "has a '%' that begins no %XX (write '%' itself as %25)");
  CHECK(read("amqp://u:g@heim@h/") ==
        "has more than one '@' (write '@' in a user or password as %40)");
  CHECK(read("amqp://h/a/b") == "has a second '/' after the host (in a virtual host write %2F)");
  CHECK(read("amqp://h/v?heartbeat=3") ==
        "has options after '?' or '#' (write them as keys of [amqp], and '?', '#' in names as %3F, "
        "%23)");
  CHECK(read("amqp:///v") == "names no host");
  CHECK(read("amqp://h:99999") == "has no HOST or HOST:PORT in 'h:99999'");
  CHECK(read("local:/x") == "has something after 'local:' (the queue lies in state-dir)");
}

TEST_CASE("a URL is shown without its user") {
  CHECK(without_user("amqp://u:p@h/v") == "amqp://***@h/v");
  CHECK(without_user("amqp://h/v") == "amqp://h/v");
  CHECK(without_user("local:") == "local:");
}
