/* Runners that no header of ours would make: odd results, other versions, and no runner at all. */
#include <rbit/plugin.h>

static int odd(void* state, const rbit_job* job) {
  (void)state;
  (void)job;
  return 77;
}
RBIT_RUNNER(odd_result, "1.0", odd);

/* Fails without a word. */
static int silent(void* state, const rbit_job* job) {
  (void)state;
  (void)job;
  return RBIT_FAILED;
}
RBIT_RUNNER(silent, "1.0", silent);

extern RBIT_EXPORT const rbit_runner rbit_runner_v1_needs_minor_7;
const rbit_runner rbit_runner_v1_needs_minor_7 = {RBIT_PLUGIN_MAGIC,
                                                  RBIT_PLUGIN_MAJOR,
                                                  7,
                                                  sizeof(rbit_runner),
                                                  "needs_minor_7",
                                                  "1.0",
                                                  odd,
                                                  NULL,
                                                  NULL};

/* The next version that does not exist yet. */
extern RBIT_EXPORT const rbit_runner rbit_runner_v1_needs_minor_2;
const rbit_runner rbit_runner_v1_needs_minor_2 = {RBIT_PLUGIN_MAGIC,
                                                  RBIT_PLUGIN_MAJOR,
                                                  2,
                                                  sizeof(rbit_runner),
                                                  "needs_minor_2",
                                                  "1.0",
                                                  odd,
                                                  NULL,
                                                  NULL};

extern RBIT_EXPORT const rbit_runner rbit_runner_v1_wrong_magic;
const rbit_runner rbit_runner_v1_wrong_magic = {
    0x12345678u, RBIT_PLUGIN_MAJOR, 0, sizeof(rbit_runner), "wrong_magic", "1.0", odd, NULL, NULL};

extern RBIT_EXPORT const rbit_runner rbit_runner_v1_too_small;
const rbit_runner rbit_runner_v1_too_small = {
    RBIT_PLUGIN_MAGIC, RBIT_PLUGIN_MAJOR, 0, 24, "too_small", "1.0", odd, NULL, NULL};

/* Says that it is as large as it should be, and is not. */
extern RBIT_EXPORT const uint32_t rbit_runner_v1_liar[4];
const uint32_t rbit_runner_v1_liar[4] = {RBIT_PLUGIN_MAGIC, RBIT_PLUGIN_MAJOR, sizeof(rbit_runner),
                                         0};

/* For an rbit that does not exist yet. */
extern RBIT_EXPORT const uint32_t rbit_runner_v2_future[4];
const uint32_t rbit_runner_v2_future[4] = {RBIT_PLUGIN_MAGIC, 2, sizeof(rbit_runner), 0};
