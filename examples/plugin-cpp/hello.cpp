#include <rbit/plugin.hpp>

static void hello(const rbit::Job& job) {
  job.status("Building", "Greeting " + job.setting("name"));
  job.checkpoint();  // throws Cancelled once rbit asks for it
  std::ofstream("hello.txt") << "Hello " << job.setting("name") << "\n";
  job.artifact("hello.txt");
}
RBIT_CPP_RUNNER(hello, "1.0", hello);
