#include "rbit/run/spawn_launcher.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "rbit/base/fd.h"

namespace rbit {

namespace v2 = boost::process::v2;

SpawnLauncher::SpawnLauncher(int channel) {
  ::posix_spawnattr_init(&attributes_);
  ::posix_spawn_file_actions_init(&files_);
  sigset_t all, none;
  ::sigfillset(&all);
  ::sigemptyset(&none);
  ::posix_spawnattr_setsigdefault(&attributes_, &all);  // ignored signals would stay ignored
  ::posix_spawnattr_setsigmask(&attributes_, &none);
  ::posix_spawnattr_setflags(
      &attributes_,
      static_cast<short>(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID));
  ::posix_spawn_file_actions_addopen(&files_, 0, "/dev/null", O_RDWR, 0);
  ::posix_spawn_file_actions_adddup2(&files_, 0, 1);
  ::posix_spawn_file_actions_adddup2(&files_, 0, 2);
  ::posix_spawn_file_actions_adddup2(&files_, channel, 3);
  ::posix_spawn_file_actions_addclosefrom_np(&files_, 4);
}

SpawnLauncher::~SpawnLauncher() {
  ::posix_spawnattr_destroy(&attributes_);
  ::posix_spawn_file_actions_destroy(&files_);
}

v2::process SpawnLauncher::operator()(const boost::asio::any_io_executor& loop,
                                      boost::system::error_code& failed,
                                      const std::filesystem::path& program,
                                      std::span<const std::string> arguments) {
  const auto fail = [&](int error) {
    failed.assign(error, boost::system::system_category());
    return v2::process(loop);
  };
  // Boost's handle must have a descriptor: this one, which nothing ever writes to, where a sandbox
  // refuses a pidfd or there is no room for it. So nothing can go wrong once the child runs.
  Fd handle(::eventfd(0, EFD_CLOEXEC));
  if (!handle) return fail(errno);
  char* no_environment[] = {nullptr};
  const auto argv = const_cast<char* const*>(build_argv_(program, arguments));
  if (const int error =
          ::posix_spawn(&pid, program.c_str(), &files_, &attributes_, argv, no_environment))
    return fail(error);
  if (Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))); pidfd)
    handle = std::move(pidfd);
  v2::process child(loop, pid, handle.get());
  handle.release();  // not before: where the loop takes no more, that throws
  return child;
}

}  // namespace rbit
