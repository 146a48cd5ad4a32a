// What a job writes to descriptor 3. The first byte says in which pieces it arrives.
#include <string>
#include <vector>

#include "rbit/run/event_line.h"
#include "tests/fuzz/fuzz.h"

using namespace rbit;
using fuzz::need;

namespace {

struct Heard {
  std::vector<std::size_t> kinds;
  std::size_t bytes = 0, complaints = 0;

  bool operator==(const Heard&) const = default;
};

void check(const JobEvent& event) {
  if (const auto* status = std::get_if<StatusEvent>(&event))
    need(status->message.size() <= max_event_message + 3, "messages are cut");
  if (const auto* artifact = std::get_if<ArtifactEvent>(&event))
    need(
        !artifact->artifact.path.empty() && artifact->artifact.path.find('\0') == std::string::npos,
        "a path is one");
  if (const auto* given = std::get_if<GivenEvent>(&event))
    need(given->result.size() <= max_event_line, "a result is bounded");
  const auto* const publish = std::get_if<PublishEvent>(&event);
  if (publish == nullptr || !publish->mistake.empty()) return;
  const Publication& sent = publish->publication;
  need(!sent.to.exchange.empty() || !sent.to.key.empty(), "it goes somewhere");
  need(sent.to.exchange.size() <= 255 && sent.to.key.size() <= 255, "names fit AMQP's short texts");
  need(sent.delay.count() >= 0, "a delay is none into the past");
  need(sent.properties.headers.count("CC") == 0, "it goes nowhere else");
}

Heard hear(std::string_view stream, std::size_t piece, Speaker speaker) {
  Heard heard;
  EventReader reader(
      speaker,
      [&heard](JobEvent event) {
        check(event);
        heard.kinds.push_back(event.index());
        if (const auto* log = std::get_if<LogEvent>(&event)) heard.bytes += log->text.size();
      },
      [&heard](const std::string&) { ++heard.complaints; });
  while (!stream.empty()) {
    reader.feed(stream.substr(0, piece));
    stream.remove_prefix(std::min(piece, stream.size()));
  }
  reader.end();
  return heard;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view stream = fuzz::bytes_of(data + 1, size - 1);
  for (const Speaker speaker : {Speaker::job, Speaker::host}) {
    const Heard whole = hear(stream, stream.size(), speaker);
    need(whole == hear(stream, data[0] + std::size_t{1}, speaker), "pieces make no difference");
    need(whole.complaints <= 1, "nonsense is told once");
  }
  return 0;
}
