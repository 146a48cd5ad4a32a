// What only the rbit that runs can know: a queue whose first message cannot be read, or that
// somebody else has for himself, looks well from outside.
#include <nlohmann/json.hpp>

#include "rbit/app/checks.h"
#include "rbit/app/control_client.h"
#include "rbit/app/state_dir.h"
#include "rbit/base/text.h"

namespace rbit {

void check_running(const config::Settings& settings, CheckFindings& findings) {
  auto client = ControlClient::connect(StateDir::socket(settings.state_dir));
  if (!client) return;  // none runs
  nlohmann::json request;
  request["do"] = "unread";
  if (!client->send(request)) return;
  const auto answer = client->receive();
  // An older one does not know the question.
  if (!answer || !*answer || !(*answer)->contains("unread")) return;
  const nlohmann::json& unread = (**answer)["unread"];
  if (unread.empty()) findings.ok("the running rbit reads all its queues");
  for (const auto& [queue, why] : unread.items())
    findings.fail({"queue " + text::one_line(queue, 300),
                   "is not read by the running rbit: " +
                       text::one_line(why.is_string() ? why.get<std::string>() : "", 800),
                   "its log says when it is tried again, which it is by itself"});
}

}  // namespace rbit
