#include "rbit/base/task.h"

#include <boost/asio/co_spawn.hpp>
#include <cstdlib>
#include <exception>
#include <new>
#include <string>
#include <utility>

#include "rbit/base/exit_code.h"
#include "rbit/base/log.h"

namespace rbit {

void spawn(const asio::any_io_executor& loop, Task<void> task, const char* what) {
  asio::co_spawn(loop, std::move(task), [what](std::exception_ptr error) {
    if (!error) return;
    try {
      std::rethrow_exception(error);
    } catch (const std::bad_alloc&) {
      log::critical(std::string("out of memory in ") + what +
                    " (have fewer slots, or more memory; jobs are kept and go on after the "
                    "restart)");
    } catch (const std::exception& caught) {
      log::critical(std::string("internal error in ") + what + ": " + caught.what() +
                    " (this is a bug in rbit; jobs are kept and go on after the restart)");
    } catch (...) {
      log::critical(std::string("internal error in ") + what);
    }
    log::flush();
    std::_Exit(static_cast<int>(ExitCode::internal));
  });
}

}  // namespace rbit
