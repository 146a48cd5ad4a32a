#include "rbit/report/http_client.h"

#include <algorithm>
#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <map>
#include <utility>

#include "rbit/base/lifetime.h"
#include "rbit/base/text.h"
#include "rbit/report/curl_library.h"

namespace rbit {

namespace {

constexpr std::size_t most_body = 1 << 20;  // of an answer that is read
constexpr long kept_connections = 4;        // as many as requests at once a target

}  // namespace

/// One libcurl multi handle, driven by the loop.
struct HttpClient::Multi {
  /// A socket of libcurl's that we watch for it but do not own. Handlers hold it, so that a late
  /// one finds `gone` instead of a freed object.
  struct Watch {
    explicit Watch(const asio::any_io_executor& loop) : descriptor(loop) {}
    asio::posix::stream_descriptor descriptor;
    curl_socket_t socket = CURL_SOCKET_BAD;
    int wanted = 0;   // CURL_POLL_IN, _OUT
    int waiting = 0;  // the same: for what a handler waits
    bool gone = false;
  };

  explicit Multi(const asio::any_io_executor& executor) : loop(executor), timer(executor) {
    handle = curl().multi_init();
    curl().multi_setopt(handle, CURLMOPT_SOCKETFUNCTION, &Multi::on_socket);
    curl().multi_setopt(handle, CURLMOPT_SOCKETDATA, this);
    curl().multi_setopt(handle, CURLMOPT_TIMERFUNCTION, &Multi::on_timer);
    curl().multi_setopt(handle, CURLMOPT_TIMERDATA, this);
    curl().multi_setopt(handle, CURLMOPT_MAXCONNECTS, kept_connections);
  }
  ~Multi() {
    lifetime.end();
    curl().multi_cleanup(handle);  // closes kept connections: `on_socket` may still be called
    for (auto& [socket, watch] : watches) release(*watch);
  }

  static int on_socket(CURL*, curl_socket_t socket, int what, void* self, void*) {
    static_cast<Multi*>(self)->watch(socket, what);
    return 0;
  }
  static int on_timer(CURLM*, long pause, void* self) {
    static_cast<Multi*>(self)->set_timer(pause);
    return 0;
  }

  void watch(curl_socket_t socket, int what) {
    auto found = watches.find(socket);
    if (what == CURL_POLL_REMOVE) {
      if (found == watches.end()) return;
      release(*found->second);
      watches.erase(found);
      return;
    }
    if (found == watches.end()) {
      auto fresh = std::make_shared<Watch>(loop);
      boost::system::error_code refused;
      fresh->descriptor.assign(socket, refused);
      if (refused) return;  // libcurl's own limit ends the request
      fresh->socket = socket;
      found = watches.emplace(socket, std::move(fresh)).first;
    }
    found->second->wanted = what;
    arm(found->second);
  }

  static void release(Watch& watch) {
    watch.gone = true;
    if (watch.descriptor.is_open()) watch.descriptor.release();  // libcurl closes it
  }

  void arm(const std::shared_ptr<Watch>& watch) {
    wait(watch, CURL_POLL_IN, CURL_CSELECT_IN, asio::posix::stream_descriptor::wait_read);
    wait(watch, CURL_POLL_OUT, CURL_CSELECT_OUT, asio::posix::stream_descriptor::wait_write);
  }

  void wait(const std::shared_ptr<Watch>& watch, int kind, int event,
            asio::posix::stream_descriptor::wait_type what) {
    if ((watch->wanted & ~watch->waiting & kind) == 0) return;
    watch->waiting |= kind;
    watch->descriptor.async_wait(what, [this, watch, kind, event](boost::system::error_code error) {
      watch->waiting &= ~kind;
      ready(watch, kind, event, error);
    });
  }

  void ready(const std::shared_ptr<Watch>& watch, int kind, int event,
             boost::system::error_code error) {
    if (watch->gone || error == asio::error::operation_aborted) return;
    if ((watch->wanted & kind) == 0) return;  // no longer asked for
    act(watch->socket, error ? CURL_CSELECT_ERR : event);
    if (!watch->gone) arm(watch);
  }

  void set_timer(long pause) {
    if (pause < 0) {
      timer.cancel();
      return;
    }
    // Even a pause of 0 waits for the loop: libcurl must not be entered from its own callback.
    timer.expires_after(std::chrono::milliseconds(pause));
    timer.async_wait([this, alive = lifetime.watch()](boost::system::error_code cancelled) {
      if (!cancelled && !alive.is_over()) act(CURL_SOCKET_TIMEOUT, 0);
    });
  }

  void act(curl_socket_t socket, int event) {
    int running = 0;
    curl().multi_socket_action(handle, socket, event, &running);
    finish();
  }
  void finish();

  asio::any_io_executor loop;
  asio::steady_timer timer;
  CURLM* handle = nullptr;
  std::map<curl_socket_t, std::shared_ptr<Watch>> watches;
  Lifetime lifetime;  // for a timer that rings too late
};

/// One request under way; leaves the multi handle when its coroutine ends, however it ends.
struct HttpClient::Transfer {
  Transfer(CURLM* owner, const asio::any_io_executor& loop)
      : multi(owner), easy(curl().easy_init()), end(loop, asio::steady_timer::time_point::max()) {}
  ~Transfer() {
    if (added) curl().multi_remove_handle(multi, easy);
    curl().easy_cleanup(easy);
    curl().slist_free_all(headers);
  }
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  static std::size_t on_body(char* bytes, std::size_t, std::size_t count, void* self) {
    auto& body = static_cast<Transfer*>(self)->body;
    const auto room = most_body - body.size();
    body.append(bytes, std::min(count, room));
    return count > room ? 0 : count;  // 0 ends the transfer
  }

  void prepare(const HttpRequest& request) {
    const auto set = [this](CURLoption option, auto value) {
      curl().easy_setopt(easy, option, value);
    };
    set(CURLOPT_URL, request.url.c_str());
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_FOLLOWLOCATION, 0L);
    set(CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
    set(CURLOPT_PROXY, "");  // not even one named in the environment
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(request.connect_limit.count()));
    set(CURLOPT_TIMEOUT_MS, static_cast<long>(request.limit.count()));
    set(CURLOPT_USERAGENT, "rbit/" RBIT_VERSION);
    set(CURLOPT_WRITEFUNCTION, &Transfer::on_body);
    set(CURLOPT_WRITEDATA, this);
    set(CURLOPT_ERRORBUFFER, error.data());
    set(CURLOPT_PRIVATE, this);
    if (request.only_connect) set(CURLOPT_CONNECT_ONLY, 1L);
    if (request.method != "GET") {
      set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
      set(CURLOPT_COPYPOSTFIELDS, request.body.data());
      set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
      add_header("Expect:");  // none: who does not know it would cost a second
    }
    for (const std::string& header : request.headers) add_header(header.c_str());
    if (headers != nullptr) set(CURLOPT_HTTPHEADER, headers);
    if (!request.user.empty()) {
      set(CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BASIC));
      set(CURLOPT_USERNAME, request.user.c_str());
      set(CURLOPT_PASSWORD, request.password.c_str());
    }
  }

  void add_header(const char* line) {
    if (curl_slist* const longer = curl().slist_append(headers, line)) headers = longer;
  }

  HttpAnswer answer() {
    HttpAnswer given;
    curl().easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &given.status);
    curl_off_t wish = 0;
    if (curl().easy_getinfo(easy, CURLINFO_RETRY_AFTER, &wish) == CURLE_OK && wish > 0)
      given.retry_after = std::chrono::seconds(std::min<curl_off_t>(wish, 86'400));
    const char* elsewhere = nullptr;
    if (curl().easy_getinfo(easy, CURLINFO_REDIRECT_URL, &elsewhere) == CURLE_OK && elsewhere)
      given.location = elsewhere;
    given.body = std::move(body);
    return given;
  }

  CURLM* multi;
  CURL* easy;
  curl_slist* headers = nullptr;
  bool added = false, ended = false;
  CURLcode result = CURLE_OK;
  asio::steady_timer end;  // never expires: cancelling it says that `ended` is set
  std::string body;
  std::array<char, CURL_ERROR_SIZE> error{};
};

void HttpClient::Multi::finish() {
  int left = 0;
  while (const CURLMsg* message = curl().multi_info_read(handle, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    char* owner = nullptr;
    curl().easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &owner);
    auto* transfer = reinterpret_cast<Transfer*>(owner);
    transfer->result = message->data.result;
    transfer->ended = true;
    transfer->end.cancel();
  }
}

HttpClient::HttpClient(const asio::any_io_executor& loop) : multi_(std::make_unique<Multi>(loop)) {}
HttpClient::~HttpClient() = default;

Task<Result<HttpAnswer>> HttpClient::send(HttpRequest request) {
  Transfer transfer(multi_->handle, multi_->loop);
  transfer.prepare(request);
  const std::string& name = request.shown_as.empty() ? request.url : request.shown_as;
  transfer.added = curl().multi_add_handle(multi_->handle, transfer.easy) == CURLM_OK;
  if (!transfer.added) co_return Error{name, "libcurl refused the request", ""};
  boost::system::error_code rung;
  while (!transfer.ended)
    co_await transfer.end.async_wait(asio::redirect_error(asio::use_awaitable, rung));
  HttpAnswer answer = transfer.answer();
  // An answer we stopped reading, or that broke off after its status, is an answer.
  if (transfer.result == CURLE_OK || answer.status >= 200) co_return answer;
  const char* reason =
      transfer.error[0] != '\0' ? transfer.error.data() : curl().easy_strerror(transfer.result);
  co_return Error{name, reason, ""};
}

std::string HttpClient::escape(const std::string& text) {
  return text::percent_encoded(text, "-._~");
}

}  // namespace rbit
