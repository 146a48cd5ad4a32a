#include "rbit/monitor/page_service.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "rbit/base/clock.h"
#include "rbit/base/text.h"
#include "rbit/monitor/form.h"
#include "rbit/monitor/page.h"

namespace rbit {

namespace {

using namespace std::chrono_literals;

// The state is looked at so often: while something happens, and while nothing is heard of (others
// put messages into our queues, disks fill).
constexpr auto busy_pause = 1s, idle_pause = 5s;

HttpReply json_reply(std::string body, int code = 200) {
  return {code, "application/json", std::move(body)};
}

HttpReply error_reply(const Error& why, int code) {
  nlohmann::json body;
  body["error"] = {{"thing", why.thing}, {"reason", why.reason}, {"cure", why.cure}};
  return json_reply(body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace), code);
}

HttpReply html_reply(std::string body, const std::string& policy, int code = 200) {
  HttpReply reply{code, "text/html; charset=utf-8", std::move(body)};
  reply.policy = policy;
  return reply;
}

HttpReply go_to(const std::string& place, const std::string& cookie) {
  HttpReply reply{303, "text/plain; charset=utf-8", "see " + place + "\n"};
  reply.headers = {{"Location", place}, {"Set-Cookie", cookie}};
  return reply;
}

}  // namespace

PageService::PageService(const asio::any_io_executor& loop, PageSource source)
    : loop_(loop),
      source_(std::move(source)),
      stream_(std::make_shared<EventStream>(loop)),
      news_(std::make_shared<Notice>(loop)) {}

PageService::~PageService() {
  stream_->end();
  news_->notify();
}

void PageService::changed() {
  if (!std::exchange(has_changed_, true) && is_telling_) news_->notify();
}

Task<std::optional<HttpReply>> PageService::reply(const MonitorRequest& request) {
  const HttpVisitor& visitor = request.visitor;
  const std::string& path = request.path;
  std::optional<HttpReply> none;
  if (!source_.state) co_return none;
  if (path == "/login" && request.is_post) co_return log_in(request);
  if ((path == "/" || path == "/login") && !request.is_post) {
    if (visitor.may_read) co_return html_reply(std::string(page_document()), page_policy());
    HttpReply door = html_reply(login_page(""), login_policy(), 401);
    door.headers.emplace_back("WWW-Authenticate", "Bearer");
    co_return door;
  }
  if (!visitor.may_read) co_return none;
  if (path == "/logout" && request.is_post) co_return log_out(request);
  if (path == "/api/act" && request.is_post) co_return co_await act(request);
  if (request.is_post) co_return none;
  if (path == "/api/session") co_return session(visitor);
  if (visitor.is_foreign && (path == "/events" || path.starts_with("/api/")))
    co_return error_reply({path, "is for this page, not for those of other sites", ""}, 403);
  if (path == "/events") co_return listen();
  if (path == "/api/state") co_return co_await state();
  if (path == "/api/dead") co_return co_await dead();
  if (const auto name = name_behind("/api/job/", path)) co_return job(*name);
  if (path.starts_with("/api/log/")) co_return co_await log(request);
  co_return none;
}

HttpReply PageService::log_in(const MonitorRequest& request) {
  if (request.visitor.is_foreign)
    return html_reply(login_page("Another site sent this form; nothing was done."), login_policy(),
                      403);
  const std::string token = field_of(request.body, "token");
  const auto cookie = server_->open_session(text::trim(token));
  if (cookie) return go_to("/", *cookie);
  return html_reply(login_page("That is not the token."), login_policy(), 403);
}

HttpReply PageService::log_out(const MonitorRequest& request) {
  const HttpVisitor& visitor = request.visitor;
  if (!visitor.may_act) return error_reply({"/logout", "is for a session's own page", ""}, 403);
  return go_to("/", server_->close_session(visitor.session));
}

HttpReply PageService::session(const HttpVisitor& visitor) const {
  nlohmann::json body;
  const bool has_session = !visitor.session.empty();
  body["may_act"] = has_session;
  body["form"] = visitor.form;
  body["now"] = to_micros(SystemClock().wall());
  body["why"] = has_session ? ""
                            : "To act from here, set token-file in the section [monitor] and start "
                              "rbit again.";
  return json_reply(body.dump());
}

HttpReply PageService::listen() {
  HttpReply reply;
  reply.events = std::make_shared<EventViewer>(stream_);
  if (!std::exchange(is_telling_, true)) spawn(loop_, tell(*this), "the page's events");
  return reply;
}

/// While somebody listens. The state is made and written once, however many do.
Task<void> PageService::tell(PageService& self) {
  const Lifetime::Watch alive = self.lifetime_.watch();
  const auto stream = self.stream_;
  const auto news = self.news_;
  while (stream->viewers() > 0) {
    co_await self.look();
    if (alive.is_over()) co_return;
    const auto told = std::chrono::steady_clock::now();
    if (!self.has_changed_) co_await news->wait_for(idle_pause);
    if (alive.is_over()) co_return;
    Notice rest(self.loop_);
    co_await rest.wait_for(told + busy_pause - std::chrono::steady_clock::now());
    if (alive.is_over()) co_return;
  }
  self.is_telling_ = false;
}

Task<void> PageService::look() {
  const Lifetime::Watch alive = lifetime_.watch();
  has_changed_ = false;
  looked_ = std::chrono::steady_clock::now();
  StateParts parts = co_await source_.state();
  if (!alive.is_over()) stream_->publish(std::move(parts));
}

Task<HttpReply> PageService::state() {
  const Lifetime::Watch alive = lifetime_.watch();
  HttpReply over = json_reply("{}", 503);
  if (!looked_ || std::chrono::steady_clock::now() - *looked_ >= busy_pause ||
      !stream_->has_state())
    co_await look();
  if (alive.is_over()) co_return over;
  co_return json_reply(stream_->state());
}

HttpReply PageService::job(const std::string& name) const {
  const auto story = source_.job(name);
  return story ? json_reply(*story) : error_reply(story.error(), 404);
}

Task<HttpReply> PageService::log(const MonitorRequest& request) {
  LogWish wish;
  wish.key = name_behind("/api/log/", request.path).value_or("");
  wish.attempt = static_cast<int>(number_of(request.query, "attempt", 0));
  wish.from = number_of(request.query, "from", -1);
  auto piece = co_await source_.log(std::move(wish));
  if (!piece) co_return error_reply(piece.error(), 404);
  HttpReply reply{200, "application/octet-stream", std::move(piece->bytes)};
  reply.headers = {{"X-Rbit-From", std::to_string(piece->from)},
                   {"X-Rbit-Next", std::to_string(piece->next)},
                   {"X-Rbit-Size", std::to_string(piece->size)},
                   {"X-Rbit-Attempt", std::to_string(piece->attempt)},
                   {"X-Rbit-Open", piece->is_open ? "1" : "0"}};
  co_return reply;
}

Task<HttpReply> PageService::dead() {
  const auto letters = co_await source_.dead();
  co_return letters ? json_reply(*letters) : error_reply(letters.error(), 503);
}

Task<HttpReply> PageService::act(const MonitorRequest& request) {
  const Error refusal{"/api/act", "needs the token, or a session's own page",
                      "set token-file in [monitor], and send it as a bearer token"};
  if (!request.visitor.may_act) co_return error_reply(refusal, 403);
  const Lifetime::Watch alive = lifetime_.watch();
  const auto done = co_await source_.act(request.body);
  if (!alive.is_over()) changed();
  co_return done ? json_reply(*done) : error_reply(done.error(), 409);
}

}  // namespace rbit
