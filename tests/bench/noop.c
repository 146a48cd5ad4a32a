/* A plugin that does nothing, so that what is measured is rbit and the host. */
#include <rbit/plugin.h>

static int run(void* state, const rbit_job* job) {
  (void)state;
  (void)job;
  return RBIT_DONE;
}

RBIT_RUNNER(noop, "1.0", run);
