#pragma once

#include <boost/asio/local/stream_protocol.hpp>
#include <string>

#include "rbit/base/result.h"

namespace rbit {

/// Listens at `path`, where nothing is yet, for processes of our own user, and for none that we
/// start.
Result<void> listen_privately(boost::asio::local::stream_protocol::acceptor& acceptor,
                              const std::string& path);

}  // namespace rbit
