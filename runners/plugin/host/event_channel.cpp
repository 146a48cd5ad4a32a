#include "runners/plugin/host/event_channel.h"

#include <fcntl.h>

#include <nlohmann/json.hpp>

#include "rbit/base/fd.h"
#include "rbit/base/text.h"
#include "rbit/run/record_layout.h"

namespace rbit::plugin_host {
namespace {

using Json = nlohmann::ordered_json;

// 8 KiB become at most 48 KiB when each byte is written as \u00XX; rbit reads lines of 64 KiB.
constexpr std::size_t kTextLimit = 8192;
constexpr std::size_t kShortTextLimit = 500;  // beside a result

std::string cut_at(std::string_view text, std::size_t limit) {
  const std::string_view kept = text::first_bytes(text, limit);
  return std::string(kept) + (kept.size() < text.size() ? "..." : "");
}

/// In its place, by one call.
bool keep(const KeptRecord& record, const std::string& line) {
  const Fd file(::open(record.file.c_str(), O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  char head[record::head_size + 1];
  record::put_head(head, record.serial, line.data(), line.size());
  const std::string whole = head + line;
  constexpr record::Part part = record::result_part;
  return file && whole.size() <= part.size &&
         ::pwrite(file.get(), whole.data(), whole.size(), static_cast<off_t>(part.offset)) ==
             static_cast<ssize_t>(whole.size());
}

}  // namespace

std::string cut(std::string_view text) {
  return cut_at(text, kTextLimit);
}

template <class Event>
std::string EventChannel::to_line(Event event) const {
  if (!token_.empty()) event["token"] = token_;
  return event.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

void EventChannel::opened() {
  write_line(before_ + to_line(Json{{"opened", true}}));
}

void EventChannel::stale(std::string_view file) {
  write_line(before_ + to_line(Json{{"stale", cut(file)}}));
}

void EventChannel::ready() {
  write_line(before_ + to_line(Json{{"ready", true}}));
}

void EventChannel::refused(std::string_view why, std::string_view cure) {
  Json event{{"refused", cut(why)}};
  if (!cure.empty()) event["cure"] = cut(cure);
  write_line(before_ + to_line(event));
}

void EventChannel::status(std::string_view status, std::string_view message) {
  write_line(to_line(Json{{"status", cut(status)}, {"message", cut(message)}}));
}

void EventChannel::artifact(std::string_view path, std::string_view kind) {
  write_line(to_line(Json{{"artifact", cut(path)}, {"kind", cut(kind)}}));
}

void EventChannel::log(std::string_view text, std::string_view level) {
  write_line(to_line(Json{{"log", cut(text)}, {"level", cut(level)}}));
}

Result<void> EventChannel::send(Json event, const std::string& cure) {
  if (::getpid() != host_)
    return Error{"", "only the job's own process speaks for it, and this is a child of that", ""};
  const std::string line = to_line(std::move(event));
  if (const std::size_t size = line.size() - 1; size > kMaxLine)
    return Error{"",
                 "a line of " + std::to_string(size) + " bytes to rbit; " +
                     std::to_string(kMaxLine) + " is the most",
                 cure};
  write_line(line);
  return {};
}

void EventChannel::result(std::string_view verdict, std::string_view message, int left_open,
                          const std::vector<std::string>& left, const KeptRecord& record,
                          const std::string& value) {
  Json event{{"result", verdict}, {"message", cut(message)}};
  if (left_open > 0) event["left_open"] = left_open;
  if (!left.empty()) event["left"] = left;
  if (!value.empty()) event["value"] = Json::parse(value);
  std::string line = to_line(event);
  if (line.size() > kMaxLine) {
    event["message"] = cut_at(message, kShortTextLimit);
    line = to_line(event);
  }
  // Not a reason to lose the verdict: the line below is what counts while rbit lives.
  if (!record.file.empty() && !keep(record, line))
    log(record.file + ": cannot be written", "warning");
  // A verdict that nobody hears would be waited for: better no host than that.
  if (!write_line(before_ + line)) ::_exit(1);
}

bool EventChannel::write_line(const std::string& line) {
  if (::getpid() != host_) return false;
  const std::lock_guard lock(mutex_);
  // Where rbit is gone there is nobody to tell, and SIGPIPE has ended this process already.
  return write_all(fd_, line);
}

}  // namespace rbit::plugin_host
