/* The job of the fault suite: says in the run log that it begins, sleeps, says that it ends.
 *     fault_job RUNLOG [EXCHANGE KEY]
 * With EXCHANGE and KEY it publishes "JOB ATTEMPT" there, by descriptor 3, before it sleeps.
 * If RBIT_PACKAGE is "gated", it waits for a file RUNLOG.gate first.
 * What it does stands in RBIT_VERSION as MS-CODE-TIMES: it sleeps MS milliseconds and ends with
 * CODE in its first TIMES attempts, with 0 afterwards. A line of the log is one write to a file
 * opened for appending, so that the lines of all jobs stand in the order in which they happened:
 *     begin|end MONOTONIC-MICROSECONDS JOB ATTEMPT PID CODE
 * C, for a start of a millisecond and a clock that the harness shares.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char* variable(const char* name) {
  const char* value = getenv(name);
  return value ? value : "";
}

static int say(int log, const char* word, int code) {
  char line[256];
  struct timespec now;
  int length;
  clock_gettime(CLOCK_MONOTONIC, &now);
  length = snprintf(line, sizeof line, "%s %lld %s %s %ld %d\n", word,
                    (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000, variable("RBIT_JOB_ID"),
                    variable("RBIT_ATTEMPT"), (long)getpid(), code);
  return write(log, line, (size_t)length) == length ? 0 : -1;
}

static void wait_for_gate(const char* run_log) {
  const struct timespec moment = {0, 20000000};
  char gate[4096];
  snprintf(gate, sizeof gate, "%s.gate", run_log);
  while (access(gate, F_OK) != 0) nanosleep(&moment, NULL);
}

int main(int argc, char** argv) {
  long milliseconds = 0;
  int code = 0, times = 0, log;
  struct timespec pause;
  if (argc != 2 && argc != 4) {
    fprintf(stderr, "usage: fault_job RUNLOG [EXCHANGE KEY]\n");
    return 2;
  }
  log = open(argv[1], O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
  if (log < 0) {
    perror(argv[1]);
    return 2;
  }
  if (sscanf(variable("RBIT_VERSION"), "%ld-%d-%d", &milliseconds, &code, &times) < 1) {
    fprintf(stderr, "RBIT_VERSION is no MS-CODE-TIMES\n");
    return 2;
  }
  if (atoi(variable("RBIT_ATTEMPT")) > times) code = 0;
  if (say(log, "begin", 0) != 0) return 2;
  printf("job %s, attempt %s\n", variable("RBIT_JOB_ID"), variable("RBIT_ATTEMPT"));
  fflush(stdout);
  if (argc == 4)
    dprintf(3, "{\"publish\": {\"exchange\": \"%s\", \"key\": \"%s\", \"body\": \"%s %s\"}}\n",
            argv[2], argv[3], variable("RBIT_JOB_ID"), variable("RBIT_ATTEMPT"));
  if (strcmp(variable("RBIT_PACKAGE"), "gated") == 0) wait_for_gate(argv[1]);
  pause.tv_sec = milliseconds / 1000;
  pause.tv_nsec = milliseconds % 1000 * 1000000;
  while (nanosleep(&pause, &pause) != 0) {
  }
  if (say(log, "end", code) != 0) return 2;
  return code;
}
