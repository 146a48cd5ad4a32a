#pragma once

#include <array>
#include <string>
#include <string_view>

#include "rbit/core/job.h"

namespace rbit {

/// One thing that a job is told of its build request, with all the names it has. Whoever reads,
/// writes or hands on build requests goes by the table of these.
struct JobField {
  std::string_view name;                         // in the journal, and for python jobs and plugins
  std::string_view placeholder;                  // "ID": in shell lines %ID; empty: there is none
  std::string_view variable;                     // "RBIT_PACKAGE"; empty: no variable has it
  std::string BuildRequest::*text = nullptr;     // the member that has it, or:
  std::string (*derived)(const Job&) = nullptr;  // how it is made
  /// Where it stands in PyBit's message: "transport.uri". With a `model`, the part of the package
  /// instance whose name it is, and that part's class there. Empty: the message has it not.
  const char* place = "";
  const char* model = "";

  std::string value(const Job& job) const {
    return text != nullptr ? job.request.*text : derived(job);
  }
};

/// In the order in which variables are set: `commands`, which may have any length, comes last.
inline constexpr std::array<JobField, 15> job_fields{{
    {"master", "", "RBIT_MASTER", nullptr,
     [](const Job& job) { return std::string(job.request.master ? "1" : "0"); },
     "job.packageinstance.master"},
    {"package", "ID", "RBIT_PACKAGE", &BuildRequest::package, nullptr, "package", "Package"},
    {"version", "VERSION", "RBIT_VERSION", &BuildRequest::version, nullptr,
     "job.packageinstance.package.version"},
    {"arch", "ARCH", "RBIT_ARCH", &BuildRequest::arch, nullptr, "arch", "Arch"},
    {"suite", "SUITE", "RBIT_SUITE", &BuildRequest::suite, nullptr, "suite", "Suite"},
    {"dist", "DIST", "RBIT_DIST", &BuildRequest::dist, nullptr, "distribution", "Dist"},
    {"format", "FORMAT", "RBIT_FORMAT", &BuildRequest::format, nullptr, "format", "Format"},
    {"build_env", "ENV", "RBIT_BUILD_ENV", &BuildRequest::build_env, nullptr, "build_env",
     "BuildEnv"},
    {"method", "METHOD", "RBIT_METHOD", &BuildRequest::method, nullptr, "transport.method"},
    {"uri", "URI", "RBIT_URI", &BuildRequest::uri, nullptr, "transport.uri"},
    {"vcs_id", "VCS", "RBIT_VCS_ID", &BuildRequest::vcs_id, nullptr, "transport.vcs_id"},
    {"job_id", "JOB", "RBIT_JOB_ID", &BuildRequest::job_id, nullptr, "job.id"},
    {"timestamp", "STAMP", "RBIT_TIMESTAMP", nullptr,
     [](const Job& job) { return std::to_string(job.timestamp); }},
    {"web_host", "", "", &BuildRequest::web_host, nullptr, "web_host"},
    {"commands", "", "RBIT_COMMANDS", &BuildRequest::commands, nullptr, "commands"},
}};

/// The one that %PLACEHOLDER stands for, or nullptr.
constexpr const JobField* field_of_placeholder(std::string_view placeholder) {
  for (const JobField& field : job_fields)
    if (!field.placeholder.empty() && field.placeholder == placeholder) return &field;
  return nullptr;
}

}  // namespace rbit
