// The body of a message, on a build queue and on the command queue, and the properties of one as
// the journal keeps them.
#include <algorithm>

#include "rbit/base/text.h"
#include "rbit/core/message_codec.h"
#include "rbit/intake/command.h"
#include "rbit/intake/message_reader.h"
#include "rbit/intake/request.h"
#include "tests/fuzz/fuzz.h"

using namespace rbit;
using fuzz::need;

namespace {

bool is_name_or_nothing(const std::string& text) {
  return text.empty() || is_name(text);
}

bool has_control(const std::string& text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7F;
  });
}

void check(const BuildRequest& request) {
  need(!request.job_id.empty() && request.job_id.size() <= 18, "a job id has 1 to 18 digits");
  need(request.job_id.find_first_not_of("0123456789") == std::string::npos, "a job id is digits");
  need(is_name(request.package) && is_version(request.version), "package and version are names");
  for (const auto* name :
       {&request.arch, &request.suite, &request.dist, &request.format, &request.build_env})
    need(is_name_or_nothing(*name), "every name is a name");
  for (const auto* text : {&request.method, &request.uri, &request.vcs_id})
    need(!text->starts_with('-') && !has_control(*text), "transport is one plain line");
  for (const auto* text : {&request.web_host, &request.commands})
    need(text->find('\0') == std::string::npos, "no NUL anywhere");
  Job job, again;
  job.request = request;
  const std::string kept = request_to_json(job);
  request_from_json(kept, again);
  need(request_to_json(again) == kept, "the journal gives back what it got");
}

/// The same bytes on the command queue.
void check_command(std::string_view body) {
  const auto command = parse_command(body);
  if (!command) {
    need(command.error().thing == "undecodable" || command.error().thing == "invalid",
         "a reason word of a command");
    return;
  }
  need(command->kind == "CancelRequest" || command->job_id.empty(), "only a cancel names a job");
  need(command->job_id.size() <= 18 &&
           command->job_id.find_first_not_of("0123456789") == std::string::npos,
       "the id of a cancel is digits");
}

/// The same bytes for runners of the other kinds, with all that a section may ask for.
void check_readers(std::string_view body) {
  Message message;
  message.body = std::string(body);
  const MessageReader raw("x", MessageKind::raw);
  need(raw.read(message).has_value(), "raw takes any bytes");
  const std::vector<MessageFact> needs{{MessageFact::Of::member, "/job/id", true, "%{/job/id!}"}};
  const auto read = MessageReader("x", MessageKind::json, needs).read(message);
  if (!read) {
    need(read.error().thing == "undecodable" || read.error().thing == "invalid",
         "a reason word of a reader");
    const std::string text = read.error().text();
    need(text::one_line(text, 1 << 16) == text, "a reader's reason is one clean line");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body = fuzz::bytes_of(data, size);
  check_command(body);
  check_readers(body);
  const auto request = parse_request(body);
  if (request) {
    check(*request);
  } else {
    need(request.error().thing == "undecodable" || request.error().thing == "invalid",
         "a reason word");
    need(text::one_line(request.error().text(), 1 << 16) == request.error().text(),
         "a reason is one clean line");
  }
  return 0;
}
