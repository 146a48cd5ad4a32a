#include "rbit/run/pipe_reader.h"

#include <unistd.h>

#include "tests/unit/run/run_fixture.h"

using namespace rbit;

TEST_CASE_FIXTURE(test::RunFixture, "what is written is handed on, to the end of file") {
  auto pipe = make_pipe();
  REQUIRE(pipe.has_value());
  std::string got;
  PipeReader reader(loop.get_executor(), std::move(pipe->first),
                    [&](std::string_view bytes) { got += bytes; });
  REQUIRE(::write(pipe->second.get(), "abc", 3) == 3);
  until([&] { return got == "abc"; });
  REQUIRE(::write(pipe->second.get(), "def", 3) == 3);
  reader.read_now();
  CHECK(got == "abcdef");
  REQUIRE(::write(pipe->second.get(), "g", 1) == 1);
  pipe->second.reset();
  test::run(loop, reader.drain());
  CHECK(got == "abcdefg");
}

TEST_CASE_FIXTURE(test::RunFixture, "a writer that stays is not waited for") {
  auto pipe = make_pipe();
  std::string got;
  PipeReader reader(loop.get_executor(), std::move(pipe->first),
                    [&](std::string_view bytes) { got += bytes; });
  REQUIRE(::write(pipe->second.get(), "abc", 3) == 3);
  test::run(loop, reader.drain());
  CHECK(got == "abc");
}

TEST_CASE_FIXTURE(test::RunFixture, "a reader may go while the loop still has word for it") {
  auto pipe = make_pipe();
  bool called = false;
  {
    PipeReader reader(loop.get_executor(), std::move(pipe->first),
                      [&](std::string_view) { called = true; });
    REQUIRE(::write(pipe->second.get(), "abc", 3) == 3);
  }
  loop.restart();
  loop.poll();
  CHECK_FALSE(called);
}
