#include <algorithm>
#include <string>
#include <vector>

#include "rbit/base/text.h"
#include "rbit/config/sections.h"

namespace rbit::config {

namespace {

/// Whether it is the name of a queue, and no pattern for several.
bool is_one_queue(const std::string& key) {
  return key.find_first_of("*#") == std::string::npos;
}

/// What the embedded queue cannot do, it could not do for any job either.
class SendingCheck {
 public:
  explicit SendingCheck(Loaded& loaded) : loaded_(loaded), queues_(loaded.settings.queue_names()) {}

  void check() {
    for (const auto& [name, runner] : loaded_.settings.runners) {
      section_ = "runner:" + name;
      for (const Destination& to : runner.policy.may_publish) check(to, "may-publish");
      if (const auto& to = runner.policy.on_done_publish) check(*to, "on-done-publish");
    }
    for (const auto& [name, route] : loaded_.settings.routes) {
      section_ = "route:" + name;
      for (const auto& [task, queue] : route.queues) check({"", queue}, "queue-of");
    }
  }

 private:
  void check(const Destination& to, const std::string& key) {
    if (!to.exchange.empty())
      return refuse(key, "the embedded queue has no exchange " + text::one_line(to.exchange, 250) +
                             " (publish to a queue of this file, or name a broker in [amqp] url)");
    if (!is_one_queue(to.key) && key == "may-publish") return;
    if (std::find(queues_.begin(), queues_.end(), to.key) == queues_.end())
      refuse(key, "no runner takes from the queue " + text::one_line(to.key, 250) +
                      " (add it to queue-mappings, or name a broker in [amqp] url)");
  }

  void refuse(const std::string& key, const std::string& text) {
    Place place{loaded_.settings.file, 0};
    for (const Value& value : loaded_.values)
      if (value.section == section_ && value.key == key) place = value.place;
    loaded_.error(place, "[" + section_ + "] " + key + ": " + text);
  }

  Loaded& loaded_;
  const std::vector<std::string> queues_;
  std::string section_;
};

}  // namespace

void check_sending(Loaded& loaded) {
  if (loaded.settings.broker.local) SendingCheck(loaded).check();
}

}  // namespace rbit::config
