#include "rbit/amqp/login.h"

#include <algorithm>
#include <initializer_list>
#include <string_view>
#include <utility>

namespace rbit::amqp {

namespace {

bool says_one_of(const std::string& text, std::initializer_list<std::string_view> words) {
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view word) { return text.find(word) != std::string::npos; });
}

}  // namespace

/// "connection limit (1) is reached", "user connection limit (1) is reached", "node connection
/// limit (1) is reached", "number of channels opened for user 'x' has reached the maximum allowed
/// user limit of (2)". Names may hold these words too, and quotes: what counts follows the last.
bool is_limit(const std::string& text) {
  const std::string last = text.substr(text.rfind('\'') + 1);  // npos + 1 is 0
  return says_one_of(last, {"limit (", "limit of (", "limit is reached"});
}

/// "cannot declare queue 'q': queue limit in vhost '/' (1) is reached" has the code of a queue that
/// exists with other arguments, which is said with the argument's value, in quotes, at the end.
void note_limit(Refusal& why) {
  if (why.code == precondition_failed && why.text.ends_with(") is reached")) {
    why.limit = true;
    why.cure =
        "delete queues that nobody needs, or raise the limit (rabbitmqctl set_vhost_limits "
        "max-queues)";
  } else if (why.code == not_allowed && is_limit(why.text)) {
    why.limit = true;
    why.cure = "raise the user's limit (rabbitmqctl set_user_limits max-channels)";
  }
}

Refusal refused_login(int code, std::string text) {
  Refusal refusal;
  refusal.code = code;
  if (code == access_refused) {
    refusal.login = true;
    refusal.cure = says_one_of(text, {"localhost", "loopback"})
                       ? "use another user: this one may log in from the broker's own machine only"
                       : "check [amqp] user and password";
  } else if (code == not_allowed && is_limit(text)) {
    refusal.limit = true;
    refusal.cure =
        "end other connections, or raise the limit (rabbitmqctl set_vhost_limits, set_user_limits)";
  } else if (code == not_allowed && says_one_of(text, {" is down", "unavailable"})) {
    refusal.limit = true;
    refusal.cure = "start it again (rabbitmqctl restart_vhost); the broker's log says why";
  } else if (code == not_allowed && says_one_of(text, {" refused for user "})) {
    refusal.login = true;
    refusal.cure = "give the user rights there (rabbitmqctl set_permissions -p VHOST USER ...)";
  } else if (code == not_allowed || code == invalid_path) {
    refusal.login = true;
    refusal.cure = "correct [amqp] virtual_host, or make it there (rabbitmqctl add_vhost)";
  }
  refusal.text = std::move(text);
  return refusal;
}

}  // namespace rbit::amqp
