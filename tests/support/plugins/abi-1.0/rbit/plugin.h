/*
 * rbit/plugin.h - what a runner in a shared library needs. C99 and C++11 and later.
 *
 *     #include <rbit/plugin.h>
 *
 *     static int run(void *state, const rbit_job *job) {
 *       (void)state;
 *       rbit_set_status(job, "Building", "at work");
 *       rbit_artifact(job, "module.pdf", "pdf");
 *       return RBIT_DONE;
 *     }
 *     RBIT_RUNNER(print, "1.0", run);
 *
 * and in rbit's INI file: runner = plugin!libprint.so:print
 *
 * The rules, in full in rbit-plugin(7):
 *   memory   Whoever allocates frees. Strings from rbit live until run() returns, settings until
 *            close(). Strings given to rbit are copied at once. All text is UTF-8.
 *   threads  open(), run() and close() are called on one thread, one job at a time. What is in
 *            rbit_api may be called from any thread until run() returns.
 *   errors   A return value that is no verdict counts as failed. No exception may cross.
 *   process  stdout and stderr are the job's log, stdin is empty, the working directory is the
 *            job's own. Descriptor 3, SIGTERM and SIGINT belong to rbit.
 *   growth   Within a major version structs only grow at their end. A new major version has a new
 *            prefix of the symbol, so that one library can serve both.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef RBIT_PLUGIN_H
#define RBIT_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RBIT_PLUGIN_MAGIC 0x52426974u /* "RBit" */
#define RBIT_PLUGIN_MAJOR 1
#define RBIT_PLUGIN_MINOR 0 /* what this header knows */

/* The oldest minor version your runner can do with. Define it before the #include to ask for more
 * than 0; without that, ask RBIT_HAS before using what is younger. */
#ifndef RBIT_NEEDS_MINOR
#define RBIT_NEEDS_MINOR 0
#endif

/* Verdicts: what run() returns. */
enum {
  RBIT_DONE = 0,
  RBIT_FAILED = 1,   /* final */
  RBIT_BLOCKED = 2,  /* try again later; a bounded number of times */
  RBIT_CANCELLED = 3 /* is_cancelled() was true, and the work was given up */
};

enum { RBIT_LOG_DEBUG = 0, RBIT_LOG_INFO = 1, RBIT_LOG_WARNING = 2, RBIT_LOG_ERROR = 3 };

struct rbit_api;

/* A job. Made by rbit; it is larger than what is seen here. */
typedef struct rbit_job {
  const struct rbit_api* api; /* never NULL */
} rbit_job;

/* What rbit offers; grows at its end. The rbit_... functions below call these. */
typedef struct rbit_api {
  uint32_t size, minor;
  const char* (*id)(const rbit_job*);
  const char* (*queue)(const rbit_job*);
  uint32_t (*attempt)(const rbit_job*); /* 1 on the first try */
  /* The message as it came. NUL-terminated besides; `length` may be NULL. */
  const char* (*payload)(const rbit_job*, size_t* length);
  /* package, version, arch, suite, dist, format, build_env, method, uri, vcs_id, job_id, ...: the
   * RBIT_ variables of rbit-runner(7) in lower case. "" if the message has none, NULL for a name
   * that is not known. */
  const char* (*field)(const rbit_job*, const char* name);
  /* From the runner's section of the INI file; keys are lower-case. NULL if it is not there. */
  const char* (*setting)(const rbit_job*, const char* key);
  /* Setting number `index`, by key; 1, or 0 past the last one. */
  int (*setting_at)(const rbit_job*, size_t index, const char** key, const char** value);
  /* The status callback: "Building" and a message for people, which may be NULL. */
  void (*set_status)(const rbit_job*, const char* status, const char* message);
  void (*log)(const rbit_job*, int level, const char* text);
  /* A file for rbit to keep. A relative path starts at the job's directory. `kind` may be NULL. */
  void (*artifact)(const rbit_job*, const char* path, const char* kind);
  int (*is_cancelled)(const rbit_job*); /* also from a signal handler */
  /* Why run() is about to fail; the last one counts. */
  void (*explain)(const rbit_job*, const char* why);
} rbit_api;

/* What a plugin offers: one constant a runner. Grows at its end. */
typedef struct rbit_runner {
  uint32_t magic;
  uint16_t major, needs_minor;
  uint32_t size;
  const char *name, *version;
  int (*run)(void* state, const rbit_job*);
  /* Optional: once in a process, before its first job, with that job. May refuse: whatever is not
   * RBIT_DONE is that job's verdict, and the next job tries again. */
  int (*open)(const rbit_job*, void** state);
  void (*close)(void* state); /* optional; unless open() has refused */
} rbit_runner;

/* Does this rbit have that member of rbit_api? For members younger than version 1.0. */
#define RBIT_HAS(job, member) \
  ((job)->api->size >= offsetof(rbit_api, member) + sizeof((job)->api->member))

#if defined(__GNUC__) || defined(__clang__)
#define RBIT_EXPORT __attribute__((visibility("default")))
#else
#define RBIT_EXPORT
#endif

#ifdef __cplusplus
#define RBIT_EXTERN_C extern "C"
#else
#define RBIT_EXTERN_C extern
#endif

/* Exports the runner NAME (letters, digits, _). RUN as in rbit_runner; OPEN and CLOSE too, or NULL.
 * A semicolon follows. */
#define RBIT_RUNNER_WITH_STATE(NAME, VERSION, RUN, OPEN, CLOSE)      \
  RBIT_EXTERN_C RBIT_EXPORT const rbit_runner rbit_runner_v1_##NAME; \
  const rbit_runner rbit_runner_v1_##NAME = {RBIT_PLUGIN_MAGIC,      \
                                             RBIT_PLUGIN_MAJOR,      \
                                             RBIT_NEEDS_MINOR,       \
                                             sizeof(rbit_runner),    \
                                             #NAME,                  \
                                             VERSION,                \
                                             RUN,                    \
                                             OPEN,                   \
                                             CLOSE}

#define RBIT_RUNNER(NAME, VERSION, RUN) RBIT_RUNNER_WITH_STATE(NAME, VERSION, RUN, NULL, NULL)

static inline const char* rbit_id(const rbit_job* job) {
  return job->api->id(job);
}
static inline const char* rbit_queue(const rbit_job* job) {
  return job->api->queue(job);
}
static inline uint32_t rbit_attempt(const rbit_job* job) {
  return job->api->attempt(job);
}
static inline const char* rbit_payload(const rbit_job* job, size_t* length) {
  return job->api->payload(job, length);
}
static inline const char* rbit_field(const rbit_job* job, const char* name) {
  return job->api->field(job, name);
}
static inline const char* rbit_setting(const rbit_job* job, const char* key) {
  return job->api->setting(job, key);
}
static inline int rbit_setting_at(const rbit_job* job, size_t index, const char** key,
                                  const char** value) {
  return job->api->setting_at(job, index, key, value);
}
static inline void rbit_set_status(const rbit_job* job, const char* status, const char* message) {
  job->api->set_status(job, status, message);
}
static inline void rbit_log(const rbit_job* job, int level, const char* text) {
  job->api->log(job, level, text);
}
static inline void rbit_artifact(const rbit_job* job, const char* path, const char* kind) {
  job->api->artifact(job, path, kind);
}
static inline int rbit_is_cancelled(const rbit_job* job) {
  return job->api->is_cancelled(job);
}
static inline void rbit_explain(const rbit_job* job, const char* why) {
  job->api->explain(job, why);
}

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* RBIT_PLUGIN_H */
