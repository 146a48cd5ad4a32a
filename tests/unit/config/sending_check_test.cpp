#include "config_file.h"

using namespace rbit;
using namespace rbit::test;

namespace {

std::string on_the_embedded_queue(const std::string& keys) {
  return findings("[amqp]\nurl = local:\n" + sound + keys);
}

}  // namespace

TEST_CASE("on the embedded queue jobs publish to queues of the file, and to no exchange") {
  CHECK(on_the_embedded_queue("may-publish = :q :* :#\non-done-publish = q\nreply = yes\n") == "");
  CHECK(on_the_embedded_queue("may-publish = :q orders:new\n") ==
        "rbit.ini:8: [runner:echo] may-publish: the embedded queue has no exchange orders "
        "(publish to a queue of this file, or name a broker in [amqp] url)\n");
  CHECK(on_the_embedded_queue("may-publish = :other\n") ==
        "rbit.ini:8: [runner:echo] may-publish: no runner takes from the queue other (add "
        "it to queue-mappings, or name a broker in [amqp] url)\n");
  CHECK(on_the_embedded_queue("on-done-publish = events done\n").find("no exchange events") !=
        std::string::npos);
  CHECK(on_the_embedded_queue("on-done-publish = other\n").find("the queue other") !=
        std::string::npos);
  CHECK(findings(sound +
                 "may-publish = :other orders:new fanout:\non-done-publish = events done\n") == "");
  CHECK(findings(sound + "may-publish = :\n") != "");
}
