#pragma once

namespace rbit::amqp {

// What a broker answers to what it does not do, in the numbers of AMQP.

inline constexpr int no_route = 312,
                     no_consumers = 313;  // of basic.return; all others close things
inline constexpr int invalid_path = 402;
inline constexpr int access_refused = 403;
inline constexpr int not_found = 404;
inline constexpr int resource_locked = 405;
inline constexpr int precondition_failed = 406;  // it is there with other arguments, for example
inline constexpr int not_allowed = 530;
inline constexpr int internal_error = 541;

/// Frame error, syntax error, command invalid, channel error, unexpected frame.
constexpr bool is_of_the_protocol(int code) {
  return code >= 501 && code <= 505;
}

// Codes of a Refusal that are no broker's.

inline constexpr int lost = 0;         // the connection or channel is gone, or was never there
inline constexpr int unsendable = -1;  // we did not send it: it will never fit
inline constexpr int nacked = -2;      // a publish that the broker did not take; it may later
inline constexpr int unreadable = -3;  // a message that came cannot be read, and ends connections

}  // namespace rbit::amqp
