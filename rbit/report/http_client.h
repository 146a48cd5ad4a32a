#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "rbit/base/result.h"
#include "rbit/base/task.h"

namespace rbit {

struct HttpRequest {
  std::string method;    // "GET", "PUT", "POST"
  std::string url;       // http or https
  std::string shown_as;  // in errors, where the url may hold a secret; empty: the url
  std::string body;      // of PUT and POST; a form, unless a header says what else it is
  std::vector<std::string> headers;  // "Name: value", no line end in any
  std::string user, password;        // Basic; empty user: none are sent
  std::chrono::milliseconds connect_limit{5'000}, limit{30'000};
  bool only_connect = false;  // and verify the other side: nothing is asked, the answer is empty
};

struct HttpAnswer {
  long status = 0;
  std::chrono::seconds retry_after{0};  // 0: not said
  std::string location;                 // of a redirect, which is never followed
  std::string body;                     // as far as it was read
};

/// HTTP on the loop's thread: libcurl's multi interface with the loop's descriptors and timers, so
/// no thread of its own but libcurl's resolver. Connections are kept. It follows no redirects,
/// reads no .netrc, uses no proxy and verifies certificates.
class HttpClient {
 public:
  explicit HttpClient(const asio::any_io_executor& loop);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  /// An Error: no answer came (refused, timeout, DNS, TLS). Of an answer above 1 MiB the rest is
  /// not read. May be cancelled. The client must outlive it.
  Task<Result<HttpAnswer>> send(HttpRequest request);

  /// As a value or a path part: everything but letters, digits and "-._~" as %XX.
  static std::string escape(const std::string& text);

 private:
  struct Multi;
  struct Transfer;
  std::unique_ptr<Multi> multi_;
};

}  // namespace rbit
