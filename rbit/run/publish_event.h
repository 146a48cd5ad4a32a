#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "rbit/core/publication.h"

namespace rbit {

/// {"publish": {"exchange": "E", "key": "K", "body": JSON, ...}}: a job sends a message.
struct PublishEvent {
  Publication publication;
  std::string file;     // whose bytes are the body, as the job named it; empty: none
  bool now = false;     // whatever becomes of the job
  std::string mistake;  // why it is none that could be sent; empty: it is well

  static PublishEvent wrong(std::string why);
};

/// `said`: what the member "publish" holds. A mistake in it is told in the event, for a job that
/// wants to send something and cannot must not pass for done. Safe with whatever a job writes.
PublishEvent publish_event(const nlohmann::json& said);

}  // namespace rbit
