#pragma once

#include <cstdint>
#include <string>

#include "rbit/base/message_properties.h"
#include "rbit/core/body.h"
#include "rbit/core/message_kind.h"

namespace rbit {

/// The parts of a PyBit build request that runners may use (rbit/doc/formats.rst, build-request).
/// Checked by `intake/request`; what was missing or null is empty.
struct BuildRequest {
  std::string job_id;  // 1 to 18 digits
  std::string package, version;
  std::string arch, suite, dist, format, build_env;
  std::string method, uri, vcs_id;
  std::string web_host;
  std::string commands;
  bool master = false;
};

/// One attempt to do what one message asks for.
struct Job {
  std::string key;  // its name in the journal, `key_of(message)`
  std::string queue;
  std::string runner;  // NAME of [runner:NAME]
  int attempt = 1;     // 1 on the first try
  int crashes = 0;     // how many of the earlier attempts ended without a verdict
  bool redelivered = false;
  bool owned = false;        // the broker has no message of it any more: the journal has all
  bool may_be_owned = true;  // else its queue has the message to the end: no need to keep it twice
  std::int64_t timestamp = 0;  // seconds since 1970, at the start of this attempt
  MessageKind kind = MessageKind::pybit;
  BuildRequest request;  // of a pybit message; else all of it is empty
  std::string digest;    // of the message, `digest_of`
  MessageHead head;      // of the message that asks for it
  Body body;             // the message as it came

  /// What people call it: PyBit's number, or its key where it has none.
  const std::string& name() const { return request.job_id.empty() ? key : request.job_id; }
};

}  // namespace rbit
