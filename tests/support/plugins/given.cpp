// A runner that shows what it was given.
#include <rbit/plugin.hpp>

#include <cstdlib>
#include <fstream>

namespace {

// Runs the shell line of its section, and opens the descriptors that are the job's by their names.
void shell(const rbit::Job& job) {
  if (std::system(job.setting("line").c_str()) != 0) throw rbit::Failed("the line failed");
  std::ofstream out("/dev/stdout"), events("/dev/fd/3");
  if (!(out << "opened by name\n" << std::flush)) throw rbit::Failed("/dev/stdout is refused");
  if (!events) throw rbit::Failed("/dev/fd/3 is refused");
}

}  // namespace

RBIT_CPP_RUNNER(shell, "1.0", shell);
