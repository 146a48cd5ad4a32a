#include "rbit/intake/request_writer.h"

#include <doctest/doctest.h>

#include "rbit/intake/request.h"

using namespace rbit;

TEST_CASE("what is written is what PyBit writes, and is read again") {
  BuildRequest request;
  request.job_id = "36";
  request.package = "col10642";
  request.version = "1.2";
  request.uri = "http://cnx.org/\xc3\xa9";
  complete_from_queue(request, "cnx_desktop_latex_pdf", "");
  const std::string body = write_request(request);
  CHECK(
      body ==
      R"({"py/object": "pybit.models.BuildRequest", "timestamp": null, "job": {"py/object": "pybit.models.Job", "packageinstance": {"py/object": "pybit.models.PackageInstance", "format": {"py/object": "pybit.models.Format", "id": null, "name": "pdf"}, "package": {"py/object": "pybit.models.Package", "version": "1.2", "id": null, "name": "col10642"}, "id": null, "master": true, "suite": {"py/object": "pybit.models.Suite", "id": null, "name": "latex"}, "distribution": {"py/object": "pybit.models.Dist", "id": null, "name": "cnx"}, "arch": {"py/object": "pybit.models.Arch", "id": null, "name": "desktop"}, "build_env": null}, "id": 36, "buildclient": null}, "transport": {"py/object": "pybit.models.Transport", "uri": "http://cnx.org/\u00e9", "id": null, "vcs_id": "", "method": ""}, "web_host": ""})");
  const auto read = parse_request(body);
  REQUIRE(read.has_value());
  CHECK(read->package == "col10642");
  CHECK(read->uri == request.uri);
  CHECK(read->dist == "cnx");
  CHECK(read->master);
}

TEST_CASE("parts of the queue's name") {
  BuildRequest legacy;
  complete_from_queue(legacy, "my_dist_any_x_pdf", "my_dist.any.x.pdf");
  CHECK(legacy.dist == "my_dist");
  BuildRequest uncertain;
  complete_from_queue(uncertain, "my_dist_any_x_pdf", "");
  CHECK(uncertain.dist == "");
  BuildRequest given;
  given.format = "epub";
  complete_from_queue(given, "a_b_c_pdf", "");
  CHECK(given.format == "epub");
  CHECK(given.suite == "c");
}

TEST_CASE("names that no build request may have") {
  BuildRequest request;
  request.job_id = "1";
  request.package = "../x";
  request.version = "1";
  const auto checked = check_request(request);
  REQUIRE_FALSE(checked.has_value());
  CHECK(checked.error().reason.find("'../x' is no name") != std::string::npos);
}
