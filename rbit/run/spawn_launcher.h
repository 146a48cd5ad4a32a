#pragma once

#include <spawn.h>

#include <boost/asio/any_io_executor.hpp>
#include <filesystem>
#include <span>
#include <string>

// Boost.Process 1.81 needs these and does not name them.
#include <boost/asio/detail/throw_error.hpp>
#include <boost/optional.hpp>
#include <boost/type_traits/decay.hpp>
#include <boost/type_traits/is_convertible.hpp>
#define BOOST_PROCESS_USE_STD_FS
#include <boost/process/v2/process.hpp>

namespace rbit {

/// This launcher of Boost.Process stands on posix_spawn. Boost's own ones fork, which takes long
/// where much memory is in use, and run our exit handlers in a child that cannot start its program.
///
/// The child has a session of its own, signals as at boot, an empty environment, `channel` as
/// descriptor 3, /dev/null as 0 to 2, and nothing else open.
class SpawnLauncher : private boost::process::v2::posix::default_launcher {
 public:
  explicit SpawnLauncher(int channel);
  ~SpawnLauncher();
  SpawnLauncher(const SpawnLauncher&) = delete;
  SpawnLauncher& operator=(const SpawnLauncher&) = delete;

  /// Starts `program`, once. Where it fails the process is not open and `failed` says why. Whoever
  /// keeps the process detaches its handle: its destructor would kill.
  boost::process::v2::process operator()(const boost::asio::any_io_executor& loop,
                                         boost::system::error_code& failed,
                                         const std::filesystem::path& program,
                                         std::span<const std::string> arguments);

 private:
  posix_spawnattr_t attributes_;
  posix_spawn_file_actions_t files_;
};

}  // namespace rbit
