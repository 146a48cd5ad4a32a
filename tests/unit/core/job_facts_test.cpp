#include "rbit/core/job_facts.h"

#include <doctest/doctest.h>

using namespace rbit;

TEST_CASE("what every line about a job says of it") {
  Job job;
  job.key = "the-key";
  job.queue = "q";
  job.runner = "r";
  job.attempt = 2;
  job.body = "12345";
  CHECK(facts_of(job) == JobFacts{{"job", "the-key"},
                                  {"queue", "q"},
                                  {"runner", "r"},
                                  {"attempt", "2"},
                                  {"key", "the-key"}});
  CHECK(what_is_asked(job) == "a message of 5 bytes");
  job.request.job_id = "36";
  job.request.package = "col\n1";
  job.request.version = "1.2";
  CHECK(facts_of(job) == JobFacts{{"job", "36"},
                                  {"queue", "q"},
                                  {"runner", "r"},
                                  {"attempt", "2"},
                                  {"key", "the-key"},
                                  {"package", "col\\x0a1"},
                                  {"version", "1.2"}});
  CHECK(what_is_asked(job) == "package col\\x0a1 1.2");
}

TEST_CASE("the journal's word for it is the same") {
  JobRecord record;
  record.key = "the-key";
  record.job_id = "36";
  record.queue = "q";
  record.runner = "r";
  record.attempt = 1;
  record.package = "p";
  CHECK(facts_of(record) == JobFacts{{"job", "36"},
                                     {"queue", "q"},
                                     {"runner", "r"},
                                     {"attempt", "1"},
                                     {"key", "the-key"},
                                     {"package", "p"}});
}
