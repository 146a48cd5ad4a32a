#pragma once

#include <string>
#include <utility>

namespace rbit {

/// How a front-end has a job that is about to be built here.
struct Standing {
  enum class Kind {
    unclear,  // it could not be asked, or its answer says nothing
    unknown,  // it has no such job
    waiting,  // or blocked: to be built
    building,
    done,
    failed,
    cancelled,
  };
  Kind kind = Kind::unclear;
  bool elsewhere = false;  // building: by a client that is not us
  std::string said;        // for people: "Uploaded", "http://pybit:8080 answered 503"

  static Standing unclear(std::string why) { return {Kind::unclear, false, std::move(why)}; }
};

}  // namespace rbit
