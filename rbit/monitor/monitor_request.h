#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace rbit {

class EventViewer;

/// Who asks, as far as he has shown.
struct HttpVisitor {
  bool may_read = false;    // false: he may see what a stranger may, a form to show the token by
  bool may_act = false;     // he has shown the token, and no other site sent this
  bool is_foreign = false;  // the page of another site made his browser ask
  std::string session;      // where he has one, its name: what his cookie holds
  std::string form;         // what an act of his session has to bring
};

struct MonitorRequest {
  bool is_post = false;     // else GET, or HEAD
  std::string path, query;  // as they came; the query without '?'
  std::string body;         // of a POST
  HttpVisitor visitor;
};

struct HttpReply {
  int code = 200;
  std::string type;  // content type
  std::string body;
  /// What a browser may do with it; empty: show it, and load nothing.
  std::string policy = {};
  std::vector<std::pair<std::string, std::string>> headers = {};  // others
  /// Instead of a body: what it hears is sent to the visitor, for as long as he listens.
  std::shared_ptr<EventViewer> events = {};
};

}  // namespace rbit
