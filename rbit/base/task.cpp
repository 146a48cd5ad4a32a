#include "rbit/base/task.h"

#include <boost/asio/co_spawn.hpp>
#include <exception>
#include <new>
#include <string>
#include <utility>

#include "rbit/base/complaint.h"
#include "rbit/base/exit_code.h"

namespace rbit {

void spawn(const asio::any_io_executor& loop, Task<void> task, const char* what) {
  asio::co_spawn(loop, std::move(task), [what](std::exception_ptr error) {
    if (!error) return;
    try {
      std::rethrow_exception(error);
    } catch (const std::bad_alloc&) {
      complain(std::string("out of memory in ") + what +
                   " (have fewer slots, or more memory; jobs are kept and go on after the restart)",
               Complaint::is_last);
    } catch (const std::exception& caught) {
      complain(std::string("internal error in ") + what + ": " + caught.what() +
                   " (this is a bug in rbit; jobs are kept and go on after the restart)",
               Complaint::is_last);
    } catch (...) {
      complain(std::string("internal error in ") + what, Complaint::is_last);
    }
    std::_Exit(static_cast<int>(ExitCode::internal));
  });
}

}  // namespace rbit
