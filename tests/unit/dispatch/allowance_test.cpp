#include "rbit/dispatch/allowance.h"

#include <doctest/doctest.h>

using namespace rbit;
using namespace std::chrono_literals;

TEST_CASE("an allowance: none before a job, then what begins within a tenth of a second") {
  Allowance allowance(1000);
  CHECK(allowance.with(4) == 0);
  allowance.note(10ms);
  CHECK(allowance.with(1) == 10);
  CHECK(allowance.with(4) == 40);
  CHECK(allowance.with(0) == 0);
  Allowance bounded(16);
  bounded.note(0ms);
  CHECK(bounded.with(1) == 16);
  Allowance none(0);
  none.note(1ms);
  CHECK(none.with(8) == 0);
}

TEST_CASE("an allowance: a long job counts at once, short ones bit by bit") {
  Allowance allowance(16);
  allowance.note(1ms);
  CHECK(allowance.with(2) == 16);
  allowance.note(2s);
  CHECK(allowance.with(2) == 0);
  int jobs = 0;
  for (; allowance.with(2) == 0; ++jobs) allowance.note(1ms);
  CHECK(jobs > 10);
  CHECK(jobs < 30);
  for (int i = 0; i < 30; ++i) allowance.note(1ms);
  CHECK(allowance.with(2) == 16);
}

TEST_CASE("an allowance: it changes where it is far from what it should be") {
  Allowance allowance(100);
  allowance.note(5ms);
  CHECK(allowance.with(1) == 20);
  allowance.note(6ms);
  CHECK(allowance.with(1) == 20);
  allowance.note(10ms);
  CHECK(allowance.with(1) == 10);
  for (int i = 0; i < 8; ++i) allowance.note(8ms);
  CHECK(allowance.with(1) == 10);
  for (int i = 0; i < 40; ++i) allowance.note(1ms);
  CHECK(allowance.with(1) > 60);
}

TEST_CASE("an allowance: after a message waited in vain there is none for a row of jobs") {
  Allowance allowance(16);
  allowance.note(1ms);
  CHECK(allowance.with(2) == 16);
  allowance.end();
  CHECK(allowance.with(2) == 0);
  for (int i = 0; i < 20; ++i) allowance.note(1ms);
  CHECK(allowance.with(2) == 0);
  for (int i = 0; i < 40; ++i) allowance.note(1ms);
  CHECK(allowance.with(2) == 16);
}
