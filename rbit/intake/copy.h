#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "rbit/core/message.h"
#include "rbit/core/settlement.h"

namespace rbit {

/// What the names of all headers of rbit's own begin with.
inline constexpr std::string_view own_header_prefix = "x-rbit-";

/// The headers of a copy, beside `attempt_header` and `waited_header`. Times are seconds since
/// 1970.
namespace copy_header {
inline constexpr const char* queue = "x-rbit-queue";    // the work queue
inline constexpr const char* reason = "x-rbit-reason";  // at most 200 characters
inline constexpr const char* detail = "x-rbit-detail";  // the same: what exactly does not fit
inline constexpr const char* worker = "x-rbit-worker";
inline constexpr const char* first = "x-rbit-first";    // when rbit had the message first
inline constexpr const char* died = "x-rbit-died";      // of a dead letter
inline constexpr const char* size = "x-rbit-size";      // if only the start of the body is there,
inline constexpr const char* sha256 = "x-rbit-sha256";  // those of the whole
}  // namespace copy_header

/// Returns whether a copy of a message takes this header over. It takes none of rbit's own, which
/// are written anew, none that routes, none of the broker's death headers, which some versions
/// believe (rbit/doc/traps.rst, broker-death-headers), and no count of deliveries, which is of
/// another queue.
bool is_copied_header(std::string_view name);

/// Who makes a copy, and when.
struct CopyMark {
  std::string worker;      // rbit's name; empty: not known
  std::int64_t first = 0;  // when it had the message first, unless an earlier copy says
  std::int64_t now = 0;
};

/// The message as `settlement`, which is not to accept, wants it: with its key as id and the
/// headers of rbit's copies.
Message copy_of(const Message& message, const Settlement& settlement, const CopyMark& mark);

}  // namespace rbit
