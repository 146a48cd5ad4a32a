// Runners that misbehave, each in its own way; and some that behave, to stand beside them.
#include <fcntl.h>
#include <unistd.h>
#include <rbit/plugin.hpp>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

void segv(const rbit::Job&) {
  std::raise(SIGSEGV);
}
void exit3(const rbit::Job&) {
  std::exit(3);
}
void throws_std(const rbit::Job&) {
  throw std::out_of_range("index 9 of 3");
}
void throws_int(const rbit::Job&) {
  throw 42;
}
void failed(const rbit::Job&) {
  throw rbit::Failed("no such module");
}
void blocked(const rbit::Job&) {
  throw rbit::Blocked("the other one first");
}

// Ignores whatever it is asked; ends by SIGKILL alone.
void hangs(const rbit::Job& job) {
  job.status("Building", "hanging");
  for (;;) ::pause();
}

// Works until it is asked to stop.
void cancel_ok(const rbit::Job& job) {
  job.status("Building", "waiting to be cancelled");
  sigset_t asked, before;
  sigemptyset(&asked);
  sigaddset(&asked, SIGTERM);
  sigaddset(&asked, SIGINT);
  sigprocmask(SIG_BLOCK, &asked, &before);  // the signal cannot come between question and sleep
  while (!job.is_cancelled()) sigsuspend(&before);
  sigprocmask(SIG_SETMASK, &before, nullptr);
  job.checkpoint();
}

// Loses a descriptor, some memory and a child each time.
void leak(const rbit::Job&) {
  static std::vector<char*> lost;
  lost.push_back(new char[4096]);
  if (::open("/dev/null", O_RDONLY | O_CLOEXEC) < 0) throw rbit::Failed("no descriptors left");
  if (::fork() == 0) {
    for (;;) ::pause();
  }
}

// What is rbit's alone: writes half a line to it, closes it, closes all there is.
void half_an_event(const rbit::Job&) {
  constexpr std::string_view half = "{\"artifact\": ";
  if (::write(3, half.data(), half.size()) < 0) throw rbit::Failed("descriptor 3 is not open");
}
void closes_3(const rbit::Job&) {
  ::close(3);
  if (::open("/dev/null", O_RDONLY) < 0) throw rbit::Failed("no descriptors left");
}
void closes_all(const rbit::Job&) {
  for (int fd = 3; fd < 1000; ++fd) ::close(fd);
}

// Tells what it was given, and from many threads.
void tells(const rbit::Job& job) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&job, i] {
      for (int k = 0; k < 50; ++k) job.log("thread " + std::to_string(i));
    });
  }
  for (std::thread& thread : threads) thread.join();
  job.log(rbit::LogLevel::warning, "payload " + std::to_string(job.payload().size()));
  job.log("package " + job.field("package") + " attempt " + std::to_string(job.attempt()));
  const char* const temporary = std::getenv("TMPDIR");
  job.log(std::string("TMPDIR is ") + (temporary ? temporary : "not set"));
  job.log(std::string(20000, '\x01'));  // longer than a line may be
  job.log("bad \xff\xfe text");
  for (const auto& [key, value] : job.settings()) job.log(key + "=" + value);
  std::cout << "last words" << std::flush << " unflushed";
  std::string left;
  if (std::getline(std::cin, left)) throw rbit::Failed("standard input has: " + left);
}

// Writes the texts of the message to a file, each with a NUL behind it.
void fields(const rbit::Job& job) {
  std::ofstream file(job.setting("told") + "/" + job.field("job_id"), std::ios::binary);
  for (const char* name : {"uri", "vcs_id", "method", "commands"}) {
    std::cout << job.field(name) << "\n";
    file << job.field(name) << '\0';
  }
  if (!file.flush()) throw rbit::Failed("the texts cannot be written");
}

// Made once, used for many jobs.
class Counter {
 public:
  explicit Counter(const rbit::Job& job) : name_(job.setting("name")) {
    if (name_ == "nobody") throw rbit::Blocked("nobody is not at home");
  }
  ~Counter() { std::cout << "closed after " << jobs_ << " jobs\n"; }
  void operator()(const rbit::Job& job) { job.log(name_ + " " + std::to_string(++jobs_)); }

 private:
  std::string name_;
  int jobs_ = 0;
};

// Throws through C, which the wrapper never lets happen.
int throws_through(void*, const rbit_job*) {
  throw std::runtime_error("over the border");
}

}  // namespace

RBIT_CPP_RUNNER(segv, "1.0", segv);
RBIT_CPP_RUNNER(exit3, "1.0", exit3);
RBIT_CPP_RUNNER(throws_std, "1.0", throws_std);
RBIT_CPP_RUNNER(throws_int, "1.0", throws_int);
RBIT_CPP_RUNNER(failed, "1.0", failed);
RBIT_CPP_RUNNER(blocked, "1.0", blocked);
RBIT_CPP_RUNNER(hangs, "1.0", hangs);
RBIT_CPP_RUNNER(cancel_ok, "1.0", cancel_ok);
RBIT_CPP_RUNNER(leak, "1.0", leak);
RBIT_CPP_RUNNER(half_an_event, "1.0", half_an_event);
RBIT_CPP_RUNNER(closes_3, "1.0", closes_3);
RBIT_CPP_RUNNER(closes_all, "1.0", closes_all);
RBIT_CPP_RUNNER(tells, "1.0", tells);
RBIT_CPP_RUNNER(fields, "1.0", fields);
RBIT_CPP_RUNNER_CLASS(counter, "1.0", Counter);
RBIT_RUNNER(throws, "1.0", throws_through);
