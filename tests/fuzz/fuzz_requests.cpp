// What a browser sends to the monitor, and a line on the control socket.
#include <nlohmann/json.hpp>
#include <string>

#include "rbit/app/job_filter.h"
#include "rbit/base/json.h"
#include "rbit/base/text.h"
#include "rbit/core/dead_order.h"
#include "rbit/monitor/form.h"
#include "tests/fuzz/fuzz.h"

using namespace rbit;
using fuzz::need;

namespace {

void read_form(std::string_view bytes) {
  for (const bool is_form : {false, true}) {
    const std::string plain = unescaped(bytes, is_form);
    need(plain.size() <= bytes.size(), "nothing comes of nothing");
    need(unescaped(text::percent_encoded(plain, ""), is_form) == plain, "there and back");
  }
  need(field_of(bytes, "token").size() <= bytes.size(), "a value is a part");
  need(field_of("a=1&token=" + text::percent_encoded(bytes, ""), "token") == bytes,
       "no value ends its field");
  const std::int64_t from = number_of(bytes, "from", -1);
  need(from >= -1 && from <= std::int64_t{1} << 62, "a number is in its bounds");
  const auto name = name_behind("/api/job/", bytes);
  need(!name || name->size() <= bytes.size(), "a name is a part");
}

void read_line(std::string_view bytes) {
  const auto request = json::parse(bytes, json::Limits());
  if (!request || !request->is_object()) return;
  const JobFilter filter = job_filter_from(*request);
  need(filter.limit >= 0 && filter.limit <= most_listed, "a list is bounded");
  need(to_json(job_filter_from(to_json(filter))) == to_json(filter), "a filter stays the same");
  if (const auto order = dead_order_from(*request))
    need(to_json(*dead_order_from(to_json(*order))) == to_json(*order), "an order stays the same");
  need(json::text_in(*request, "do").size() <= bytes.size(), "a text is a part");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  read_form(fuzz::bytes_of(data, size));
  read_line(fuzz::bytes_of(data, size));
  return 0;
}
