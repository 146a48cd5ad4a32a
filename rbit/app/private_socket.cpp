#include "rbit/app/private_socket.h"

#include <fcntl.h>
#include <sys/stat.h>

namespace rbit {

Result<void> listen_privately(boost::asio::local::stream_protocol::acceptor& acceptor,
                              const std::string& path) {
  namespace asio = boost::asio;
  boost::system::error_code failed;
  const asio::local::stream_protocol::endpoint endpoint(path);
  const mode_t mask = ::umask(0177);
  acceptor.open(endpoint.protocol(), failed);
  if (!failed) acceptor.bind(endpoint, failed);
  ::umask(mask);
  if (!failed) acceptor.listen(asio::socket_base::max_listen_connections, failed);
  if (failed) return Error{path, failed.message(), ""};
  ::fcntl(acceptor.native_handle(), F_SETFD, FD_CLOEXEC);  // Asio does not
  return {};
}

}  // namespace rbit
