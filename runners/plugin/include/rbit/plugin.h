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
#define RBIT_PLUGIN_MINOR 1 /* what this header knows */

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

/* What becomes of a metric: it grows, or it is what is said. Once the job is done, or at once. */
enum { RBIT_ADD = 0, RBIT_SET = 1, RBIT_ADD_NOW = 2, RBIT_SET_NOW = 3 };

struct rbit_api;

/* A job. Made by rbit; it is larger than what is seen here. */
typedef struct rbit_job {
  const struct rbit_api* api; /* never NULL */
} rbit_job;

/* A header of a message that is published. */
typedef struct rbit_header_value {
  const char *name, *value;
  int is_json; /* 0: the value is a text; 1: it is a number, true or false as JSON has them */
} rbit_header_value;

/* How a message is published. What is 0 or NULL is not said; `size` has to be. Grows at its end. */
typedef struct rbit_publish_options {
  uint32_t size;     /* sizeof(rbit_publish_options) */
  int now;           /* 1: at once, whatever becomes of the job; 0: once the job is done */
  const char* file;  /* the body is what is in this file; no other one is given then */
  const char* delay; /* "30s" */
  const char *content_type, *correlation_id, *reply_to, *type;
  const rbit_header_value* headers;
  size_t header_count;
  uint32_t priority;
} rbit_publish_options;

typedef struct rbit_label {
  const char *name, *value;
} rbit_label;

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
   * that is not known.
   * Since 1.1 also kind (pybit, json, raw or task), key, exchange, routing_key, and content_type,
   * correlation_id, reply_to, type and the other properties of a message; task_name, task_kwargs
   * and callback of one of kind task; and what a JSON Pointer names in one of kind json or task,
   * such as "/order/id": a text as it is, anything else as JSON, NULL if it is not there, is null,
   * or has a NUL in it. */
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

  /* Since 1.1. What gives an int gives 0, or -1 if something is wrong with what was said; then
   * mistake() tells what, and nothing was sent. */

  /* A header of the message, a text as it is, anything else as JSON; NULL if it has none. */
  const char* (*header)(const rbit_job*, const char* name);
  /* Sends a message, to a queue if `exchange` is "". `options` may be NULL. It leaves with the
   * verdict, and only if the job is done. */
  int (*publish)(const rbit_job*, const char* exchange, const char* key, const void* body,
                 size_t length, const rbit_publish_options* options);
  /* The job's result, as JSON; the last one counts. */
  int (*result)(const rbit_job*, const char* json);
  /* How far the job is: 3 of 9. A total of 0: nobody knows. `text` may be NULL. */
  int (*progress)(const rbit_job*, double done, double total, const char* text);
  /* `change` is RBIT_ADD or another one of those. */
  int (*metric)(const rbit_job*, const char* name, int change, double value,
                const rbit_label* labels, size_t label_count);
  /* Why the last such call of this thread gave -1; never NULL. */
  const char* (*mistake)(const rbit_job*);
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

/* Since 1.1; an rbit that has them not gives NULL and -1. */
static inline const char* rbit_header(const rbit_job* job, const char* name) {
  return RBIT_HAS(job, header) ? job->api->header(job, name) : NULL;
}
static inline int rbit_publish(const rbit_job* job, const char* exchange, const char* key,
                               const void* body, size_t length,
                               const rbit_publish_options* options) {
  return RBIT_HAS(job, publish) ? job->api->publish(job, exchange, key, body, length, options) : -1;
}
static inline int rbit_result(const rbit_job* job, const char* json) {
  return RBIT_HAS(job, result) ? job->api->result(job, json) : -1;
}
static inline int rbit_progress(const rbit_job* job, double done, double total, const char* text) {
  return RBIT_HAS(job, progress) ? job->api->progress(job, done, total, text) : -1;
}
static inline int rbit_metric(const rbit_job* job, const char* name, int change, double value,
                              const rbit_label* labels, size_t label_count) {
  return RBIT_HAS(job, metric) ? job->api->metric(job, name, change, value, labels, label_count)
                               : -1;
}
static inline const char* rbit_mistake(const rbit_job* job) {
  return RBIT_HAS(job, mistake) ? job->api->mistake(job) : "this rbit offers plugin ABI 1.0";
}

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* RBIT_PLUGIN_H */
