#include "rbit/intake/request.h"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

#include "rbit/base/text.h"
#include "rbit/core/job_field.h"
#include "rbit/intake/message_part.h"
#include "rbit/intake/source_uri.h"

namespace rbit {

namespace {

using nlohmann::json;

bool is_name_of(std::string_view name, std::string_view also) {
  return !name.empty() && name.size() <= 128 && text::is_alnum(name.front()) &&
         text::has_only(name, also);
}

constexpr std::string_view name_marks = "+.~_-";
constexpr std::string_view version_marks = "+.~_-:";

std::string name_in(const Part& parent, const char* member, const char* label) {
  const Part part = parent.part(member, label);
  const std::string name = part.text("name");
  if (!name.empty() && !is_name(name))
    throw Invalid{
        part.path("name") + ": " + in_quotes(name) +
        " is no name (a letter or digit, then letters, digits and + . ~ _ -, 128 at most)"};
  return name;
}

/// Ways to get a source that anybody ever named in a build request; "" says nothing.
constexpr std::string_view methods[] = {"",   "apt",  "bzr",   "cvs",   "dsc", "git",
                                        "hg", "http", "https", "rsync", "svn"};

/// uri, vcs_id, method: text that must not look like an option or break a line.
std::string plain_text(const Part& part, const char* member) {
  std::string value = part.text(member);
  // Behind blanks too: a shell line that forgets its quotes takes them away.
  if (text::trim(value).starts_with('-')) throw Invalid{part.path(member) + " begins with '-'"};
  const bool control = std::any_of(value.begin(), value.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
  });
  if (control) throw Invalid{part.path(member) + " has a control character in it"};
  return value;
}

std::string uri_of(const Part& transport) {
  std::string uri = plain_text(transport, "uri");
  if (const auto wrong = wrong_with_uri(uri); !wrong.empty())
    throw Invalid{transport.path("uri") + ": " + in_quotes(uri) + " " + std::string(wrong)};
  return uri;
}

std::string method_of(const Part& transport) {
  std::string method = plain_text(transport, "method");
  if (std::find(std::begin(methods), std::end(methods), method) == std::end(methods))
    throw Invalid{transport.path("method") + ": " + in_quotes(method) +
                  " is not known (apt, git, http, svn ...)"};
  return method;
}

BuildRequest read_request(const json& document) {
  const Part message(&document, "message", "BuildRequest");
  const Part job = message.part("job", "Job");
  if (job.missing()) throw Invalid{"job is missing"};
  const Part instance = job.part("packageinstance", "PackageInstance");
  if (instance.missing()) throw Invalid{"job.packageinstance is missing"};
  const Part package = instance.part("package", "Package");
  if (package.missing()) throw Invalid{"job.packageinstance.package is missing"};

  BuildRequest request;
  request.job_id = id_of(job);
  request.package = name_in(instance, "package", "Package");
  if (request.package.empty()) throw Invalid{package.path("name") + " is missing"};
  request.version = package.text("version");
  if (request.version.empty()) throw Invalid{package.path("version") + " is missing"};
  if (!is_version(request.version))
    throw Invalid{package.path("version") + ": " + in_quotes(request.version) +
                  " is no version (a letter or digit, then letters, digits and + . : ~ _ -)"};
  for (const JobField& field : job_fields)
    if (*field.model != '\0') request.*field.text = name_in(instance, field.place, field.model);
  if (const json* master = instance.find("master"))
    request.master = master->is_boolean() && master->get<bool>();
  job.part("buildclient", "BuildD");  // only its label is checked

  const Part transport = message.part("transport", "Transport");
  request.method = method_of(transport);
  request.uri = uri_of(transport);
  request.vcs_id = plain_text(transport, "vcs_id");
  request.web_host = message.text("web_host");
  request.commands = message.text("commands");
  return request;
}

/// Whether somebody may have meant it as one.
bool has_shape(const json& document) {
  const json* value = &document;
  for (const char* name : {"job", "packageinstance", "package"}) {
    const auto found = value->find(name);  // of a value that is no object there is none
    if (found == value->end()) return false;
    value = &*found;
  }
  return value->is_object();
}

}  // namespace

bool is_name(std::string_view text) {
  return is_name_of(text, name_marks);
}
bool is_version(std::string_view text) {
  return is_name_of(text, version_marks);
}

Result<BuildRequest> parse_request(std::string_view body) {
  const Result<json> document = parse_document(body);
  if (!document) return document.error();
  Result<BuildRequest> request = read_document(*document, read_request);
  if (request || has_shape(*document)) return request;
  Error why{"invalid", std::string(no_request)};
  why.detail = request.error().reason;
  return why;
}

Result<BuildRequest> parse_request(const Message& message) {
  const Result<void> text = check_text(message);
  return text ? parse_request(message.body) : text.error();
}

}  // namespace rbit
