#include "config_file.h"

using namespace rbit;
using namespace rbit::config;
using namespace rbit::test;

namespace {

BrokerSettings broker(const std::string& keys) {
  return settings(sound + "[amqp]\n" + keys).broker;
}
/// Keys begin at line 7.
std::string found(const std::string& keys) {
  return findings(sound + "[amqp]\n" + keys);
}

}  // namespace

TEST_CASE("a broker by host, port and the rest") {
  const auto got = broker(
      "host = a, b:5673  [::1]:5674 fe80::1\nport = 1234\nuser = u\npassword = p\n"
      "virtual_host = v\nheartbeat = 10\n");
  CHECK(got.hosts == std::vector<std::string>{"a", "b:5673", "[::1]:5674", "[fe80::1]"});
  CHECK(got.port == 1234);
  CHECK(got.user == "u");
  CHECK(got.password == "p");
  CHECK(got.virtual_host == "v");
  CHECK(got.heartbeat == std::chrono::seconds(10));
  CHECK_FALSE(got.tls);
}

TEST_CASE("an empty virtual host is /, and hyphens do for underscores") {
  CHECK(broker("virtual_host =\n").virtual_host == "/");
  CHECK(broker("virtual-host = v\n").virtual_host == "v");
}

TEST_CASE("a broker by URL") {
  const auto got = broker("url = amqps://u:p%40@a,b:1/v%2Fw\nca-file = ca.pem\n");
  CHECK(got.tls);
  CHECK(got.hosts == std::vector<std::string>{"a", "b:1"});
  CHECK(got.port == 5671);
  CHECK(got.user == "u");
  CHECK(got.password == "p@");
  CHECK(got.virtual_host == "v/w");
  CHECK(got.ca_file.ends_with("/ca.pem"));
  CHECK(broker("url = amqp://h\nuser = u\npassword = p\n").user == "u");
  CHECK(broker("url = local:\n").local);
}

TEST_CASE("what url says no other key may say") {
  CHECK(found("url = amqp://u:p@h/v\nhost = h\nport = 1\nuser = u\npassword = p\n"
              "virtual_host = v\n") ==
        "rbit.ini:8: [amqp] host: is said by url too (line 7); drop one\n"
        "rbit.ini:9: [amqp] port: is said by url too (line 7); drop one\n"
        "rbit.ini:10: [amqp] user: is said by url too (line 7); drop one\n"
        "rbit.ini:11: [amqp] password: is said by url too (line 7); drop one\n"
        "rbit.ini:12: [amqp] virtual_host: is said by url too (line 7); drop one\n");
}

TEST_CASE("wrong values of [amqp]") {
  CHECK(found("port = abc\n") ==
        "rbit.ini:7: [amqp] port: 'abc' is not a number from 1 to 65535\n");
  CHECK(found("host = a/b\n") == "rbit.ini:7: [amqp] host: 'a/b' is neither HOST nor HOST:PORT\n");
  CHECK(found("heartbeat = 0\n") == "rbit.ini:7: [amqp] heartbeat: is not from 1s to 1h\n");
  CHECK(found("heartbeat = 5s\n") == "");
  CHECK(found("reconnect-ceiling = 9ms\n") ==
        "rbit.ini:7: [amqp] reconnect-ceiling: is not from 10ms to 1h\n");
  CHECK(broker("reconnect-ceiling = 1s\n").reconnect_ceiling == std::chrono::seconds(1));
  CHECK(found("url = htp://x\n") ==
        "rbit.ini:7: [amqp] url: is no URL of a broker (write amqp://HOST/, amqps://HOST/ or "
        "local:)\n");
  CHECK(found("ca-file = x\n") ==
        "rbit.ini:7: [amqp] ca-file: counts with TLS only (write url = amqps://HOST/)\n");
  CHECK(found("url = amqps://h\ncert-file = x\n") ==
        "rbit.ini:8: [amqp] cert-file: needs 'cert-file' and 'key-file' together\n");
}

TEST_CASE("TLS without verification is for this machine alone") {
  CHECK(broker("url = amqps://h\n").tls_verify);
  for (const char* host : {"localhost", "127.0.0.1", "127.8.8.8:1", "[::1]:2"})
    CHECK(!broker("url = amqps://" + std::string(host) + "\ntls-verify = no\n").tls_verify);
  for (const char* host : {"h", "10.0.0.1", "127.0.0.1.example.org"})
    CHECK(found("url = amqps://localhost," + std::string(host) + "\ntls-verify = no\n") ==
          "rbit.ini:8: [amqp] tls-verify: is no, and '" + std::string(host) +
              "' is another machine: anybody between could be the broker (name its authority in "
              "ca-file)\n");
  CHECK(found("tls-verify = no\n") ==
        "rbit.ini:7: [amqp] tls-verify: counts with TLS only (write url = amqps://HOST/)\n");
}

TEST_CASE("a password file of ours, closed to others") {
  const ConfigFile file(sound + "[amqp]\nuser = u\npassword-file = pw\n");
  file.write("pw", "s3cret\n", 0600);
  CHECK(file.lines().empty());
  CHECK(file.load().settings.broker.password == "s3cret");
  file.write("pw", "s3cret\n", 0640);
  CHECK(file.lines() == std::vector<std::string>{
                            "rbit.ini:8: [amqp] password-file: pw: is open to others (chmod 600 "
                            "pw)"});
  file.write("pw", "", 0600);
  CHECK(file.lines() ==
        std::vector<std::string>{
            "rbit.ini:8: [amqp] password-file: pw: is empty (write the secret into it)"});
  std::filesystem::remove(file.directory() + "/pw");
  CHECK(file.lines() ==
        std::vector<std::string>{
            "rbit.ini:8: [amqp] password-file: pw: No such file or directory (correct the path, "
            "or write the file)"});
}

TEST_CASE("a password and a password file are one too many") {
  const ConfigFile file(sound + "[amqp]\npassword = a\npassword-file = pw\n");
  CHECK(file.lines() ==
        std::vector<std::string>{"rbit.ini:8: [amqp] password-file: stands beside 'password': only "
                                 "one of them may be there"});
}
