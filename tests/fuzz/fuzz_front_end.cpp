// A front-end's answer about a job before it is built.
#include "rbit/base/text.h"
#include "rbit/report/pybit_history.h"
#include "tests/fuzz/fuzz.h"

using namespace rbit;
using fuzz::need;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  PybitSettings settings;
  settings.client = "build_client_saw-horse";
  settings.names = {{Status::done, "Uploaded"}};
  const Standing standing = read_history(fuzz::bytes_of(data, size), settings);
  need(!standing.elsewhere || standing.kind == Standing::Kind::building, "elsewhere it is built");
  need(standing.kind != Standing::Kind::unknown, "only a 404 says that");
  need(text::one_line(standing.said, 1 << 16) == standing.said, "what it said is one clean line");
  return 0;
}
