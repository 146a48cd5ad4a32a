#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "rbit/core/status.h"
#include "rbit/report/http_client.h"

namespace rbit {

/// Where a PyBit front-end is and how it wants to be spoken to.
struct PybitSettings {
  std::string url;                       // http(s)://HOST[:PORT][/PATH]; empty: as the message says
  std::vector<std::string> allow_hosts;  // host:port a message may name; without `url` only
  std::string username, password;        // Basic; empty: none
  std::map<Status, std::string> names;   // where the front-end calls a status otherwise
  std::optional<std::string> client;     // our command queue, sent with Building
  std::chrono::milliseconds connect_limit{5'000}, limit{30'000};
};

/// Who of the front-ends is meant, and what may be sent there: only a host that the operator has
/// written down hears anything, and over plain http the password goes to this machine alone.
class PybitAddress {
 public:
  explicit PybitAddress(PybitSettings settings);

  const PybitSettings& settings() const { return settings_; }

  /// "http://HOST:PORT". `web_host` is as a message has it, trusted by nobody. An Error: there is
  /// no front-end that may be spoken to.
  Result<std::string> base_of(const std::string& web_host) const;
  /// The number of a job that a front-end may know, without zeros in front. Returns none if it is
  /// `rbit submit`'s own, and could only hit a stranger there. An Error: it is no number.
  static Result<std::optional<std::string>> number_of(const std::string& job_id);

  HttpRequest request(std::string method, std::string url) const;
  /// Adds user and password if they may travel to `base`.
  void authorise(HttpRequest& request, const std::string& base) const;
  bool has_password_for(const std::string& base) const;

 private:
  PybitSettings settings_;
  std::set<std::string> allowed_;
};

}  // namespace rbit
