#pragma once

#include <chrono>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "rbit/base/fd.h"
#include "rbit/base/result.h"

namespace rbit {

/// One request to the rbit that runs, from a command. Blocks.
class ControlClient {
 public:
  /// The thing of an Error that is the connection's, not the answer's.
  static constexpr const char* lost = "the connection to the running rbit";

  /// Nothing: no rbit listens there.
  static std::optional<ControlClient> connect(const std::string& path);

  Result<void> send(const nlohmann::json& request);
  /// `line` is a request as text, without the end of the line.
  Result<void> send_line(std::string line);
  /// Waits until there is something to receive, for `limit` at the most. False: there is not.
  bool wait_for(std::chrono::milliseconds limit) const;
  /// The next line of the answer; nothing: rbit has closed the connection. {"error": ...} becomes
  /// the Error, and so does a line above 256 MiB.
  Result<std::optional<nlohmann::json>> receive();

 private:
  explicit ControlClient(Fd socket) : socket_(std::move(socket)) {}
  Fd socket_;
  std::string read_;
};

}  // namespace rbit
