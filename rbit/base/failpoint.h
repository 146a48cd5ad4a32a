#pragma once

namespace rbit {

/// A named moment of the story at which a test may end or hold this process: the steps of a job
/// (rbit/doc/order.rst, steps) and both sides of them. The product links a function that does
/// nothing (failpoint_none.cpp); rbit-faulty, the tests' build of the same objects, links one that
/// reads RBIT_FAIL (tests/faults/failpoint_env.cpp). Any thread. Called between the steps of one
/// job, never in a loop over bytes.
///
///   R            a message came; memory only
///   J1.before    J1.after       the commit of the job
///   X.before     X.after        its leader has the order
///   A1.before    A1.claimed     the commit of the claim, before the early acknowledgement
///   A1.acknowledged             and after it
///   V            the leader told the end; the artifacts are not collected yet
///   V.noted      its outcome is in the record, with what the job gives
///   J3.before    J3.after       the commit of the verdict
///   A.copied     the copy to a retry or dead queue is confirmed
///   A.before     A.after        the settlement; of AMQP A.sent is between acknowledgement and
///   A.sent                      barrier, of an early one too
///   A.noted      the journal knows that the message is settled
///   H.asking     H.locked      a new rbit asks the one that drains to hand over; has its lock
///   H.rest       H.kept        the old one is at rest; from here the journal is its successor's
///   H.closed     H.released    its journal and broker are closed; and its lock is free
///   H.ended      H.noted       a kept attempt ended; its outcome is in its record
///   O.sent       O.after        a report went out; the outbox knows that it did
void failpoint(const char* name);

}  // namespace rbit
