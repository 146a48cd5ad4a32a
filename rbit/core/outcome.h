#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "rbit/base/names.h"
#include "rbit/core/publication.h"

namespace rbit {

/// A file that a job made and rbit keeps, by its final, absolute path.
struct Artifact {
  std::string path;
  std::string kind;  // the runner's word for it, may be empty
};

/// How one attempt ended, as its runner saw it.
struct Outcome {
  enum class Kind {
    done,
    failed,       // the job said so: final
    blocked,      // the job asks to be tried later
    cancelled,    // somebody asked for it
    crashed,      // a signal, or a host that ended without a result
    timed_out,    // timeout, idle-timeout or the output limit
    not_started,  // nothing of the job ran
    interrupted,  // our own stop; costs no attempt
  };

  Kind kind = Kind::failed;
  std::string
      reason;  // a word: "exit 2", "signal SEGV", "timeout", ... (rbit/doc/formats.rst, statuses)
  std::string message;  // for people, one or a few lines; may be empty
  std::vector<Artifact> artifacts;
  Given given;
  std::string log_file;  // the job's log, absolute; empty if there is none
  int shortage = 0;      // not_started: errno, if this machine had too little of something
  std::string exit;      // of its process, whatever the reason: "exit 3", "signal TERM"; or empty

  // What the attempt used; 0 where it is not known.
  std::int64_t wall_micros = 0, cpu_micros = 0, peak_memory_kib = 0, output_bytes = 0;
};

constexpr std::string_view to_string(Outcome::Kind kind) {
  using enum Outcome::Kind;
  constexpr Named<Outcome::Kind> names[] = {{done, "done"},           {failed, "failed"},
                                            {blocked, "blocked"},     {crashed, "crashed"},
                                            {timed_out, "timed-out"}, {not_started, "not-started"},
                                            {cancelled, "cancelled"}, {interrupted, "interrupted"}};
  return name_in(names, kind);
}

}  // namespace rbit
