// A configuration: read, checked, shown.
#include <iostream>
#include <sstream>

#include "rbit/base/text.h"
#include "rbit/config/settings.h"
#include "tests/fuzz/fuzz.h"

using namespace rbit;
using fuzz::need;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // As `rbit config -` reads it, so that nothing is written to a disk.
  std::istringstream input{std::string(fuzz::bytes_of(data, size))};
  std::streambuf* before = std::cin.rdbuf(input.rdbuf());
  std::cin.clear();
  const config::Loaded loaded = config::load("-");
  std::cin.rdbuf(before);
  for (const auto& finding : loaded.findings) {
    const std::string line = finding.line();
    need(text::one_line(line, 1 << 20) == line, "a finding is one clean line");
  }
  need(text::is_utf8(config::show(loaded)), "what is shown is text");
  if (loaded.ok())
    need(!loaded.settings.queues.empty(), "a configuration without mistakes names a queue");
  return 0;
}
