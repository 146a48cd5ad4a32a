#include "rbit/intake/command.h"

#include <doctest/doctest.h>

#include <string>

using namespace rbit;

namespace {

/// As PyBit-web writes it.
const std::string cancel =
    R"({"py/object": "pybit.models.CancelRequest", "job": {"py/object": "pybit.models.Job", )"
    R"("packageinstance": {"py/object": "pybit.models.PackageInstance", "format": {"py/object": )"
    R"("pybit.models.Format", "id": 5, "name": "pdf"}, "package": {"py/object": )"
    R"("pybit.models.Package", "version": "1.2", "id": 2, "name": "col10642"}, "id": 1, "master": )"
    R"(true, "suite": {"py/object": "pybit.models.Suite", "id": 3, "name": "latex"}, )"
    R"("distribution": {"py/object": "pybit.models.Dist", "id": 2, "name": "cnx"}, "arch": )"
    R"({"py/object": "pybit.models.Arch", "id": 9, "name": "desktop"}, "build_env": null}, "id": )"
    R"(36, "buildclient": {"py/object": "pybit.models.BuildD", "id": 7, "name": )"
    R"("build_client_saw-horse"}}, "web_host": "localhost:8080"})";

std::string why(const std::string& body) {
  const auto command = parse_command(body);
  return command ? "" : command.error().thing + ": " + command.error().reason;
}

std::string with(std::string from, std::string to) {
  std::string body = cancel;
  return body.replace(body.find(from), from.size(), to);
}

}  // namespace

TEST_CASE("a CancelRequest names its job") {
  const auto command = parse_command(cancel);
  REQUIRE(command.has_value());
  CHECK(command->kind == "CancelRequest");
  CHECK(command->job_id == "36");
  CHECK(parse_command(with("\"id\": 36", "\"id\": \"36\""))->job_id == "36");
}

TEST_CASE("PyBit's other messages are known, and name no job") {
  for (const std::string kind : {"BuildRequest", "StatusRequest", "CommandRequest"}) {
    const auto command = parse_command(with("CancelRequest", kind));
    REQUIRE(command.has_value());
    CHECK(command->kind == kind);
    CHECK(command->job_id.empty());
  }
  const auto complete = parse_command(
      R"({"py/object": "pybit.models.TaskComplete", "message": "success", "success": true})");
  REQUIRE(complete.has_value());
  CHECK(complete->kind == "TaskComplete");
}

TEST_CASE("everything else is no command, with the reason") {
  CHECK(why("") == "undecodable: the body is empty");
  CHECK(why("<html>").starts_with("undecodable: "));
  CHECK(why("[]") == "invalid: the message is no object");
  CHECK(why("{}") == "invalid: py/object is missing");
  CHECK(why(with("pybit.models.CancelRequest", "os.system")) ==
        "invalid: py/object is 'os.system'");
  CHECK(why(with("pybit.models.Job\"", "pybit.models.Arch\"")).starts_with("invalid: job: "));
  CHECK(why(with("\"id\": 36", "\"id\": \"36; rm\"")) ==
        "invalid: job.id is no number of 1 to 18 digits");
  CHECK(why(with("\"id\": 36", "\"id\": null")) == "invalid: job.id is missing");
  CHECK(why(with("\"web_host\"", "\"py/reduce\"")) ==
        "invalid: message: member 'py/reduce' is not allowed");
  CHECK(why(R"({"py/object": "pybit.models.CancelRequest"})") == "invalid: job is missing");
}
