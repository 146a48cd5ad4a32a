// A request to the monitor, parsed: who is let in, and who may act.
#include <boost/asio/buffer.hpp>
#include <boost/beast/http.hpp>

#include "rbit/monitor/admission.h"
#include "tests/fuzz/fuzz.h"

using namespace rbit;
using fuzz::need;
namespace http = boost::beast::http;

namespace {

void check_visitor(const HttpVisitor& visitor, bool has_token) {
  need(!visitor.may_act || (visitor.may_read && has_token), "nobody acts who has shown no token");
  need(visitor.session.empty(), "nor guesses a session");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes = fuzz::bytes_of(data, size);
  http::request_parser<http::string_body> parser;
  parser.eager(true);
  boost::beast::error_code error;
  parser.put(boost::asio::buffer(bytes.data(), bytes.size()), error);
  if (error || !parser.is_done()) return 0;
  const auto& request = parser.get();
  for (const char* token : {"", "sesame-of-a-fuzzer"}) {
    Admission admission(token, "127.0.0.1");
    admission.name_cookie(8080);
    admission.open_session(token);
    const auto verdict = admission.look(request, static_cast<int>(request.version()));
    need(verdict.visitor.may_read != verdict.refusal.has_value(), "who may not read is told so");
    const bool is_bearer = bytes.find("sesame-of-a-fuzzer") != bytes.npos;
    check_visitor(verdict.visitor, *token != '\0' && is_bearer);
  }
  return 0;
}
