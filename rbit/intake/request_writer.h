#pragma once

#include <string>

#include "rbit/base/result.h"
#include "rbit/core/job.h"

namespace rbit {

/// The message that PyBit's web would send for `request`, as Python 2.7's jsonpickle writes it: ids
/// we do not know are null, `master` is true. A job id is needed.
std::string write_request(const BuildRequest& request);

/// Fills in the parts of the queue's name (distribution, architecture, suite, format) that
/// `request` leaves empty: from `dotted_route` of a legacy queue, else from the name itself if it
/// has exactly three '_', when the four parts are certain. What stays unknown stays empty.
void complete_from_queue(BuildRequest& request, const std::string& queue,
                         const std::string& dotted_route);

/// What `rbit submit` can know to be wrong before it sends: the fields as `parse_request` wants
/// them.
Result<void> check_request(const BuildRequest& request);

}  // namespace rbit
