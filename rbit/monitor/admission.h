#pragma once

#include <boost/beast/http/fields.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "rbit/monitor/monitor_request.h"
#include "rbit/monitor/sessions.h"

namespace rbit {

/// Who may ask the monitor what.
///
/// Without a token: everybody on this machine may read, under one of its names, so that no page of
/// a stranger's whose name leads here (rebinding) does. Nobody may act.
/// With one: who brings it, as a bearer or in a session that he opened with it. He may act, too,
/// unless another site makes his browser do it: such a request says where it comes from, and cannot
/// bring what is the session's own.
class Admission {
 public:
  using Fields = boost::beast::http::fields;

  /// `own_host` as in `listen`; an empty `token`: there is none.
  Admission(std::string token, std::string own_host)
      : token_(std::move(token)), own_host_(std::move(own_host)) {}

  /// Cookies know no ports: each rbit of a machine has a name of its own.
  void name_cookie(int port) { cookie_ = "rbit-" + std::to_string(port); }

  struct Verdict {
    HttpVisitor visitor;
    std::optional<HttpReply> refusal;  // of what only those may see who may read
  };
  Verdict look(const Fields& fields, int version);

  bool has_token() const { return !token_.empty(); }
  /// The value of Set-Cookie; none: it is not the token.
  std::optional<std::string> open_session(std::string_view token);
  /// The same, which takes the cookie away.
  std::string close_session(std::string_view name);

 private:
  bool is_bearer(const Fields& fields) const;
  std::string session_in(const Fields& fields) const;
  bool is_own_name(const Fields& fields, int version) const;

  std::string token_, own_host_, cookie_;
  Sessions sessions_;
};

}  // namespace rbit
