/* A runner in C: greets whom its section of the INI file names, and keeps the greeting. */
#include <rbit/plugin.h>
#include <stdio.h>

static int run(void* state, const rbit_job* job) {
  const char* name = rbit_setting(job, "name");
  char message[256];
  FILE* file;
  (void)state;

  if (name == NULL) name = "world";
  snprintf(message, sizeof message, "Greeting %s", name);
  rbit_set_status(job, "Building", message);
  if (rbit_is_cancelled(job)) return RBIT_CANCELLED;

  printf("package %s, version %s\n", rbit_field(job, "package"), rbit_field(job, "version"));
  file = fopen("hello.txt", "w");
  if (file == NULL) {
    rbit_explain(job, "hello.txt: cannot be written");
    return RBIT_FAILED;
  }
  fprintf(file, "Hello %s\n", name);
  if (fclose(file) != 0) {
    rbit_explain(job, "hello.txt: the disk did not take it");
    return RBIT_FAILED;
  }
  rbit_artifact(job, "hello.txt", "text");
  return RBIT_DONE;
}

RBIT_RUNNER(hello_c, "1.0", run);
