#pragma once

#include <memory>
#include <optional>
#include <string>

#include "rbit/base/lifetime.h"
#include "rbit/base/notice.h"
#include "rbit/monitor/http_server.h"
#include "rbit/monitor/page_source.h"

namespace rbit {

/// What the page at / asks for:
///
///   GET  /api/session   {"may_act", "form": what an act has to bring in X-Rbit-Form, "why": why
///                       nobody may act, "now": this machine's time}
///   GET  /api/state     the state, one object of its parts (page_feed.h)
///   GET  /events        the same by server-sent events: `state`, all of it, then `change`, the
///                       parts that are others now, once a second at the most
///   GET  /api/job/KEY   the story of a job
///   GET  /api/log/KEY   its output, as it is; ?attempt=N&from=OFFSET. X-Rbit-From, -Next, -Size,
///                       -Attempt and -Open (1: more may come) tell where in it
///   GET  /api/dead      the dead letters
///   POST /api/act       does something (page_acts.h), for who may
///   POST /login         opens a session for who brings the token; /logout ends it
///
/// Errors are {"error": {"thing", "reason", "cure"}}. On the loop's thread.
class PageService {
 public:
  PageService(const asio::any_io_executor& loop, PageSource source);
  ~PageService();

  /// For who opens and closes sessions. It outlives this.
  void serve_by(HttpServer& server) { server_ = &server; }
  /// Something may be others now: the state is looked at soon. Else that is done every few seconds.
  void changed();

  /// None: it is none of the paths above.
  Task<std::optional<HttpReply>> reply(const MonitorRequest& request);

 private:
  HttpReply log_in(const MonitorRequest& request);
  HttpReply log_out(const MonitorRequest& request);
  HttpReply session(const HttpVisitor& visitor) const;
  HttpReply listen();
  Task<HttpReply> state();
  HttpReply job(const std::string& name) const;
  Task<HttpReply> log(const MonitorRequest& request);
  Task<HttpReply> act(const MonitorRequest& request);
  Task<HttpReply> dead();
  static Task<void> tell(PageService& self);
  Task<void> look();

  asio::any_io_executor loop_;
  PageSource source_;
  HttpServer* server_ = nullptr;
  std::shared_ptr<EventStream> stream_;
  std::shared_ptr<Notice> news_;  // `changed`
  bool has_changed_ = true;
  bool is_telling_ = false;
  std::optional<std::chrono::steady_clock::time_point> looked_;
  Lifetime lifetime_;
};

}  // namespace rbit
