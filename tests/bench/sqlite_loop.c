/* A queue in SQLite and a loop that does its jobs: what the embedded queue is measured beside. The
 * same order and the same syncs: that a job begins is committed without a sync, its verdict with
 * one, and what ended in one turn shares a commit.
 *
 *   sqlite_loop FILE JOBS SLOTS LOG_DIR spawn|call
 *
 * `spawn` runs sh -c true with a log file a job, `call` does nothing at all. Prints the seconds
 * from the first claim to the last verdict's sync. */
#include <fcntl.h>
#include <spawn.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { body_size = 804, most_slots = 64 };

static sqlite3* database;

static void check(int fine, const char* what) {
  if (fine) return;
  fprintf(stderr, "sqlite_loop: %s: %s\n", what, database ? sqlite3_errmsg(database) : "");
  exit(1);
}

static void run(const char* sql) {
  check(sqlite3_exec(database, sql, NULL, NULL, NULL) == SQLITE_OK, sql);
}

static sqlite3_stmt* prepare(const char* sql) {
  sqlite3_stmt* statement = NULL;
  check(sqlite3_prepare_v2(database, sql, -1, &statement, NULL) == SQLITE_OK, sql);
  return statement;
}

static void step(sqlite3_stmt* statement, sqlite3_int64 id) {
  sqlite3_bind_int64(statement, 1, id);
  check(sqlite3_step(statement) == SQLITE_DONE, "a step");
  sqlite3_reset(statement);
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static pid_t start(const char* log_dir, sqlite3_int64 id) {
  static char* command[] = {"/bin/sh", "-c", "true", NULL};
  char log[4096];
  snprintf(log, sizeof log, "%s/%lld.log", log_dir, (long long)id);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  pid_t pid = 0;
  check(posix_spawn(&pid, command[0], &actions, NULL, command, NULL) == 0, "posix_spawn");
  posix_spawn_file_actions_destroy(&actions);
  return pid;
}

int main(int argc, char** argv) {
  check(argc == 6, "usage: see the source");
  const sqlite3_int64 jobs = atoll(argv[2]);
  const int slots = atoi(argv[3]);
  const int spawn = strcmp(argv[5], "spawn") == 0;
  check(slots >= 1 && slots <= most_slots, "slots");
  check(sqlite3_open(argv[1], &database) == SQLITE_OK, "open");
  run("PRAGMA journal_mode = WAL");
  run("CREATE TABLE message(id INTEGER PRIMARY KEY, state TEXT, body BLOB)");
  run("BEGIN");
  sqlite3_stmt* insert = prepare("INSERT INTO message VALUES(?, 'waiting', ?)");
  char body[body_size];
  memset(body, 'x', sizeof body);
  sqlite3_bind_blob(insert, 2, body, sizeof body, SQLITE_STATIC);
  for (sqlite3_int64 id = 1; id <= jobs; ++id) step(insert, id);
  run("COMMIT");

  sqlite3_stmt* claim = prepare("UPDATE message SET state = 'running' WHERE id = ?");
  sqlite3_stmt* finish = prepare("UPDATE message SET state = 'done', body = x'' WHERE id = ?");
  struct {
    pid_t pid;
    sqlite3_int64 id;
  } running[most_slots];
  int busy = 0;
  const double begun = now();
  for (sqlite3_int64 next = 1, done = 0; done < jobs;) {
    if (busy < slots && next <= jobs) {
      run("PRAGMA synchronous = NORMAL");
      run("BEGIN");
      const int first = busy;
      while (busy < slots && next <= jobs) {
        running[busy].id = next++;
        step(claim, running[busy++].id);
      }
      run("COMMIT");
      for (int n = first; n < busy; ++n) running[n].pid = spawn ? start(argv[4], running[n].id) : 0;
    }
    run("PRAGMA synchronous = FULL");
    run("BEGIN");
    const int before = busy;
    if (spawn) {  // the first to end, and who else has
      for (pid_t pid = waitpid(-1, NULL, 0); pid > 0; pid = waitpid(-1, NULL, WNOHANG)) {
        int n = 0;
        while (n < busy && running[n].pid != pid) ++n;
        check(n < busy, "a child");
        step(finish, running[n].id);
        running[n] = running[--busy];
      }
    } else {
      while (busy > 0) step(finish, running[--busy].id);
    }
    run("COMMIT");
    done += before - busy;
  }
  printf("%.6f\n", now() - begun);
  return 0;
}
