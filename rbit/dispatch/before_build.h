#pragma once

#include "rbit/core/standing.h"
#include "rbit/dispatch/cancels.h"

namespace rbit {

/// What a job's front-end and its message mean for it before it begins (rbit/doc/formats.rst,
/// front-end-question).
enum class BuildCheck {
  build,
  put_back,  // somebody else builds it: a look later
  accept,    // its message is answered, nothing is built
};

/// What is known here of a job that somebody else seems to build.
struct BuildClaims {
  bool known = false;     // it is in our journal, or was delivered before: its build may have died
  bool replayed = false;  // `rbit dead replay` brought it back
  int waited = 0;         // how often it was put back for this
  int attempts = 5;       // of its runner
};

BuildCheck check_build(const Standing& standing, const BuildClaims& claims);

/// What happens to a job that has its slot before it begins, and where one ends without having
/// begun: cancels, and the word of its front-end. On the loop's thread.
class BeforeBuild {
 public:
  BeforeBuild(DispatchContext& context, Recorder& recorder, Settling& settling, Cancels& cancels)
      : context_(context), recorder_(recorder), settling_(settling), cancels_(cancels) {}

  enum class Verdict {
    begin,
    over,     // nothing is built: its message is settled, or comes again
    go_back,  // rbit is told to stop meanwhile, and nothing has happened
  };
  /// Heeds a cancel that is on record already, and asks the front-end. REQUIRES: the job is among
  /// the running ones, so that a cancel that comes meanwhile finds it there.
  Task<Verdict> look(const Binding& binding, RunningJob& running, Slot& slot);

 private:
  Task<void> accept_unbuilt(RunningJob& running, Slot& slot, Standing standing);
  Task<bool> put_back(const Binding& binding, RunningJob& running, int waited);

  DispatchContext& context_;
  Recorder& recorder_;
  Settling& settling_;
  Cancels& cancels_;
};

}  // namespace rbit
