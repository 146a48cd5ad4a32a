// A plugin that was built against the headers of ABI 1.0, in abi-1.0, which never change.
#include <rbit/plugin.hpp>

static_assert(RBIT_PLUGIN_MINOR == 0);

namespace {

/// Says all that 1.0 could say.
class Old {
 public:
  explicit Old(const rbit::Job& job) : first_(job.id()) {}

  void operator()(const rbit::Job& job) {
    if (job.get()->api->size < sizeof(rbit_api)) throw rbit::Failed("a part of 1.0 is missing");
    job.status("Building", "job " + job.id() + ", the first was " + first_);
    job.log(rbit::LogLevel::warning, "attempt " + std::to_string(job.attempt()) + " of queue " +
                                         job.queue() + ": " + std::string(job.payload()));
    job.log("package '" + job.field("package") + "', pointer '" + job.field("/a") + "'");
    for (const auto& [key, value] : job.settings()) job.log(key + "=" + value);
    job.artifact("old.txt", "text");
    job.checkpoint();
    if (job.setting("name").empty()) throw rbit::Blocked("no name");
  }

 private:
  std::string first_;
};

}  // namespace

RBIT_CPP_RUNNER_CLASS(old, "1.0", Old);
