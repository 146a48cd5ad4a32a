#include "rbit/app/control_client.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

namespace rbit {

namespace {

constexpr std::size_t longest_line = 256 << 20;  // 10,000 jobs with a good part of their results

}  // namespace

std::optional<ControlClient> ControlClient::connect(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return std::nullopt;
  std::memcpy(address.sun_path, path.c_str(), path.size());
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) return std::nullopt;
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return std::nullopt;
  return ControlClient(std::move(socket));
}

Result<void> ControlClient::send(const nlohmann::json& request) {
  return send_line(request.dump());
}

Result<void> ControlClient::send_line(std::string line) {
  line += '\n';
  for (std::size_t sent = 0; sent < line.size();) {
    const ssize_t n = ::send(socket_.get(), line.data() + sent, line.size() - sent, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Error{lost, std::strerror(errno), ""};
    sent += static_cast<std::size_t>(n);
  }
  return {};
}

bool ControlClient::wait_for(std::chrono::milliseconds limit) const {
  if (read_.find('\n') != std::string::npos) return true;
  pollfd socket{socket_.get(), POLLIN, 0};
  return ::poll(&socket, 1, static_cast<int>(limit.count())) > 0;
}

Result<std::optional<nlohmann::json>> ControlClient::receive() {
  using Line = Result<std::optional<nlohmann::json>>;
  for (std::size_t looked_at = 0;;) {  // of what was read
    if (const auto end = read_.find('\n', looked_at); end != std::string::npos) {
      nlohmann::json line = nlohmann::json::parse(read_.substr(0, end), nullptr, false);
      read_.erase(0, end + 1);
      if (!line.is_object()) return Error{"the running rbit", "answered no JSON object", ""};
      if (const auto error = line.find("error"); error != line.end())
        return Error{error->value("thing", ""), error->value("reason", ""),
                     error->value("cure", "")};
      return Line(boost::system::in_place_value, std::move(line));
    }
    looked_at = read_.size();
    char buffer[65536];
    const ssize_t n = ::recv(socket_.get(), buffer, sizeof buffer, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Error{lost, std::strerror(errno), ""};
    if (n == 0) return Line(boost::system::in_place_value, std::nullopt);
    if (read_.size() > longest_line)
      return Error{"the running rbit", "answers more than 256 MiB at once",
                   "ask for less, with --limit where there is one"};
    read_.append(buffer, static_cast<std::size_t>(n));
  }
}

}  // namespace rbit
