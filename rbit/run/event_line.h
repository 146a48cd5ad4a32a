#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "rbit/base/result.h"
#include "rbit/core/outcome.h"
#include "rbit/core/publication.h"
#include "rbit/core/status.h"
#include "rbit/run/publish_event.h"

namespace rbit {

// What a job or host says on descriptor 3 (rbit-runner(7)): one JSON object a line.

struct StatusEvent {  // {"status": "Building", "message": "..."}
  Status status = Status::building;
  std::string message;
};
struct ArtifactEvent {  // {"artifact": "path", "kind": "..."}
  Artifact artifact;
};
struct LogEvent {  // {"log": "text", "level": "info"}
  std::string text, level;
  bool printed = false;  // "printed": true: it is in the job's output already
};
struct ResultEvent {  // {"result": "done|failed|blocked|cancelled", "message": "..."}
  Outcome::Kind kind = Outcome::Kind::done;
  std::string message;
  std::string value;  // "value": what the job gives, as JSON; empty: nothing
  int left_open = 0;  // descriptors that a plugin opened and forgot
  /// What else the job left otherwise than it found it: "changed its environment".
  std::vector<std::string> left;
};
struct GivenEvent {  // {"result": JSON, "message": "..."} of a job that is no host
  std::string result, message;
};
struct MetricEvent {  // {"metric": {"name": "N", "add": 1, "labels": {}, "when": "now"}}
  MetricChange change;
  bool now = false;
};
struct ProgressEvent {  // {"progress": {"done": 3, "total": 9, "text": "pages"}}
  Progress progress;
};
struct StopChainEvent {};  // {"stop_chain": true}: no task follows this one
struct ReadyEvent {};      // {"ready": true}, a host's first line
struct OpenedEvent {};     // {"opened": true}: in its first job it made what it keeps for all
struct StaleEvent {        // {"stale": "file"}: this file is another one than it has loaded
  std::string file;
};
struct RefusedEvent {  // {"refused": "why", "cure": "..."}, or this
  std::string reason, cure;
};

using JobEvent = std::variant<StatusEvent, ArtifactEvent, LogEvent, ResultEvent, ReadyEvent,
                              RefusedEvent, OpenedEvent, StaleEvent, GivenEvent, PublishEvent,
                              MetricEvent, ProgressEvent, StopChainEvent>;

/// Who speaks: a job by itself, whose verdict is its exit code and whose "result" is any JSON, or a
/// host for the job it does, whose "result" is the verdict.
enum class Speaker { job, host };

inline constexpr std::size_t max_event_line = 64 * 1024;
inline constexpr std::size_t max_event_message = 4096;  // longer ones are cut

/// {"event": "status", "status": ...} and {"event": "artifact", "path": ...} are accepted too.
/// Unless `token` is empty it has to be the line's member "token". The Error has a reason only. A
/// line that wants to publish and has a mistake is an event that says so, even if it is no JSON.
/// Safe with whatever a job writes.
Result<JobEvent> parse_event_line(std::string_view line, Speaker speaker,
                                  const std::string& token = {});

/// Cuts a stream into lines and hands on what they mean. Lines that mean nothing are counted, the
/// first one is told.
class EventReader {
 public:
  using Handler = std::function<void(JobEvent)>;
  EventReader(Speaker speaker, Handler on_event,
              std::function<void(const std::string& why)> on_nonsense)
      : speaker_(speaker), on_event_(std::move(on_event)), on_nonsense_(std::move(on_nonsense)) {}

  /// From now on only events with this token count. An empty token lets all of them count.
  void expect(std::string token) { token_ = std::move(token); }
  void feed(std::string_view bytes);
  /// The stream has ended: a last line without its newline counts too.
  void end();

 private:
  void end_line();
  void take(std::string_view line);
  void nonsense(const std::string& why);

  Speaker speaker_;
  Handler on_event_;
  std::function<void(const std::string&)> on_nonsense_;
  std::string token_;
  std::string line_;                            // of the line that is not whole yet
  bool too_long_ = false, is_publish_ = false;  // what is known of a line that is too long
  bool said_ = false;
};

/// Artifacts as the job names them, noted in the record directory, so that a crash of rbit between
/// the job's end and the collecting of them does not lose their names.
void note_artifact(const std::string& record, const Artifact& artifact);
std::vector<Artifact> read_artifact_notes(const std::string& record);

}  // namespace rbit
