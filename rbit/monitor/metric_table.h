#pragma once

#include <array>
#include <string>
#include <string_view>

namespace rbit {

/// One of rbit's own metrics, as /metrics, the manual and the tests have it.
struct MetricEntry {
  enum class Type { counter, gauge, histogram };

  const char* name;  // behind `metrics-namespace` and '_', unless it is a standard one
  Type type;
  const char* help;
  std::array<const char*, 4> labels{};  // beside label.NAME and a histogram's "le"; null: no more
  bool is_standard = false;             // Prometheus names it so for all processes
};

std::string_view to_string(MetricEntry::Type type);
/// As it is served.
std::string name_of(const MetricEntry& entry, const std::string& name_space);

/// The table. The first two and the connection's are BarterDude's; names and labels stay for ever,
/// for dashboards have them. Label values come from the configuration and from closed lists, never
/// from a message.
namespace metric {

using enum MetricEntry::Type;

inline constexpr MetricEntry received{"received_number_before_consume_messages_total", counter,
                                      "Messages that worker received from queue(s)"};
inline constexpr MetricEntry processing{
    "processing_message_seconds",
    histogram,
    "Histogram for time and counter when function was processing a message",
    {"state", "error"}};
inline constexpr MetricEntry connection_fails{
    "connection_fail_errors_total", counter,
    "Number of times failed to connect to the AMQP broker"};

inline constexpr MetricEntry jobs{"jobs_total",
                                  counter,
                                  "Jobs that are over, by how their last attempt ended",
                                  {"queue", "runner", "outcome", "reason"}};
inline constexpr MetricEntry durations{
    "job_duration_seconds", histogram, "How long attempts of jobs took", {"queue", "runner"}};
inline constexpr MetricEntry retries{"job_retries_total",
                                     counter,
                                     "Attempts after which their job is to be tried again",
                                     {"queue", "runner", "reason"}};
inline constexpr MetricEntry joined{
    "redeliveries_joined_total",
    counter,
    "Messages that came again and joined their job, which was running",
    {"queue"}};
inline constexpr MetricEntry lost{"lost_by_broker_total",
                                  counter,
                                  "Jobs of which the broker lost the message for the next attempt",
                                  {"queue"}};
inline constexpr MetricEntry refused{
    "refused_messages_total", counter, "Messages that were no job, by the reason", {"reason"}};
inline constexpr MetricEntry refused_changes{"job_metrics_refused_total", counter,
                                             "Changes of metrics by jobs that were refused"};

inline constexpr MetricEntry queue_waiting{
    "queue_waiting_messages", gauge, "Messages that wait in a queue, for any rbit", {"queue"}};
inline constexpr MetricEntry queue_running{
    "queue_running_jobs", gauge, "Jobs of a queue that run here now", {"queue"}};
inline constexpr MetricEntry queue_due{
    "queue_due_jobs", gauge, "Jobs of a queue that wait for their next attempt", {"queue"}};
inline constexpr MetricEntry queue_dead{
    "queue_dead_messages", gauge, "Dead letters of a queue", {"queue"}};
inline constexpr MetricEntry queue_read{
    "queue_read", gauge, "1 while a queue is read, or would be were it not paused", {"queue"}};
inline constexpr MetricEntry queue_paused{
    "queue_paused", gauge, "1 while a queue is paused by hand", {"queue"}};

inline constexpr MetricEntry connected{"broker_connected", gauge,
                                       "1 while there is a connection to the broker"};
inline constexpr MetricEntry reconnects{"broker_reconnects_total", counter,
                                        "Connections to the broker after the first one"};
inline constexpr MetricEntry blocked{
    "broker_blocked", gauge,
    "1 while the broker takes no messages (connection.blocked) and ours wait"};

inline constexpr MetricEntry running{"jobs_running", gauge, "Jobs that run now"};
inline constexpr MetricEntry slots{"slots", gauge, "Jobs that may run at once"};
inline constexpr MetricEntry ahead{"messages_ahead", gauge, "Messages that wait here for a slot"};
inline constexpr MetricEntry intake_paused{
    "intake_paused", gauge, "1 while nothing is taken from any queue, for the journal or the disk"};
inline constexpr MetricEntry ready{"ready", gauge,
                                   "1 while /ready says that jobs of every queue may begin"};
inline constexpr MetricEntry disk_free{
    "disk_free_bytes", gauge, "Free space where rbit writes", {"place"}};
inline constexpr MetricEntry disk_size{
    "disk_size_bytes", gauge, "All space of the file systems where rbit writes", {"place"}};

inline constexpr MetricEntry outbox_reports{"outbox_reports", gauge,
                                            "Reports that wait to be sent"};
inline constexpr MetricEntry outbox_oldest{"outbox_oldest_seconds",
                                           gauge,
                                           "Age of the oldest report that waits; 0 if none does",
                                           {"target"}};
inline constexpr MetricEntry outbox_up{
    "outbox_up", gauge, "1 while the target takes reports", {"target"}};
inline constexpr MetricEntry outbox_sent{
    "outbox_sent_total", counter, "Reports the target took", {"target"}};
inline constexpr MetricEntry outbox_dropped{
    "outbox_dropped_total", counter, "Reports that were given up", {"target"}};
inline constexpr MetricEntry outbox_failed{
    "outbox_failed_tries_total", counter, "Tries that failed and are made again", {"target"}};

inline constexpr MetricEntry build_info{
    "build_info", gauge, "Always 1; the version that runs", {"version"}};
inline constexpr MetricEntry cpu{"process_cpu_seconds_total",
                                 counter,
                                 "Processor time of rbit itself, without its jobs",
                                 {},
                                 true};
inline constexpr MetricEntry resident_memory{
    "process_resident_memory_bytes", gauge, "Memory of rbit itself that is in use", {}, true};
inline constexpr MetricEntry virtual_memory{
    "process_virtual_memory_bytes", gauge, "Address space of rbit itself", {}, true};
inline constexpr MetricEntry open_descriptors{
    "process_open_fds", gauge, "File descriptors that rbit has open", {}, true};
inline constexpr MetricEntry most_descriptors{
    "process_max_fds", gauge, "File descriptors that rbit may have open", {}, true};
inline constexpr MetricEntry start_time{
    "process_start_time_seconds", gauge, "When rbit was started, in seconds since 1970", {}, true};

/// All of them, as /metrics and the manual have them.
inline constexpr std::array all{&received,
                                &processing,
                                &connection_fails,
                                &jobs,
                                &durations,
                                &retries,
                                &joined,
                                &lost,
                                &refused,
                                &refused_changes,
                                &queue_waiting,
                                &queue_running,
                                &queue_due,
                                &queue_dead,
                                &queue_read,
                                &queue_paused,
                                &connected,
                                &reconnects,
                                &blocked,
                                &running,
                                &slots,
                                &ahead,
                                &intake_paused,
                                &ready,
                                &disk_free,
                                &disk_size,
                                &outbox_reports,
                                &outbox_oldest,
                                &outbox_up,
                                &outbox_sent,
                                &outbox_dropped,
                                &outbox_failed,
                                &build_info,
                                &cpu,
                                &resident_memory,
                                &virtual_memory,
                                &open_descriptors,
                                &most_descriptors,
                                &start_time};

}  // namespace metric

}  // namespace rbit
