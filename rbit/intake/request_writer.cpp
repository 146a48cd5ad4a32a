#include "rbit/intake/request_writer.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "rbit/base/text.h"
#include "rbit/core/job_field.h"
#include "rbit/intake/request.h"

namespace rbit {

namespace {

/// A JSON string in ASCII, as Python's json writes it.
std::string quote(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', true);
}

std::string object(const char* model, const std::string& members) {
  return std::string("{\"py/object\": \"pybit.models.") + model + "\", " + members + "}";
}

/// A part of the package instance that is only a name: `"arch": {...}`.
std::string part(const BuildRequest& request, std::string BuildRequest::*text) {
  const auto field = std::find_if(job_fields.begin(), job_fields.end(),
                                  [text](const JobField& one) { return one.text == text; });
  return quote(field->place) + ": " +
         object(field->model, "\"id\": null, \"name\": " + quote(request.*text));
}

}  // namespace

std::string write_request(const BuildRequest& request) {
  const std::string package =
      object("Package", "\"version\": " + quote(request.version) +
                            ", \"id\": null, \"name\": " + quote(request.package));
  const std::string build_env =
      request.build_env.empty() ? "\"build_env\": null" : part(request, &BuildRequest::build_env);
  const std::string instance =
      object("PackageInstance", part(request, &BuildRequest::format) + ", \"package\": " + package +
                                    ", \"id\": null, \"master\": true, " +
                                    part(request, &BuildRequest::suite) + ", " +
                                    part(request, &BuildRequest::dist) + ", " +
                                    part(request, &BuildRequest::arch) + ", " + build_env);
  const std::string job =
      object("Job", "\"packageinstance\": " + instance + ", \"id\": " + request.job_id +
                        ", \"buildclient\": null");
  const std::string transport =
      object("Transport", "\"uri\": " + quote(request.uri) + ", \"id\": null, \"vcs_id\": " +
                              quote(request.vcs_id) + ", \"method\": " + quote(request.method));
  return object("BuildRequest", "\"timestamp\": null, \"job\": " + job + ", \"transport\": " +
                                    transport + ", \"web_host\": " + quote(request.web_host));
}

void complete_from_queue(BuildRequest& request, const std::string& queue,
                         const std::string& dotted_route) {
  std::vector<std::string> parts = text::split(dotted_route, '.');
  if (parts.size() != 4) parts = text::split(queue, '_');
  if (parts.size() != 4) return;
  std::string* const fields[] = {&request.dist, &request.arch, &request.suite, &request.format};
  for (std::size_t i = 0; i < 4; ++i)
    if (fields[i]->empty()) *fields[i] = parts[i];
}

Result<void> check_request(const BuildRequest& request) {
  const auto read = parse_request(write_request(request));
  if (!read) return Error{"request", read.error().reason, ""};
  return {};
}

}  // namespace rbit
