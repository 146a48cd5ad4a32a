#pragma once

#include <chrono>
#include <string>

#include "rbit/app/check_findings.h"
#include "rbit/app/configuration.h"
#include "rbit/core/broker.h"

/// The parts of `rbit check`, one source file each. Each tells what it finds; none of them changes
/// anything, here or elsewhere.
namespace rbit {

/// Directories and files: there, ours to write to, on a disk with room.
void check_places(const config::Settings& settings, CheckFindings& findings);
/// Each runner: what it starts, loads and writes to; and whether the broker waits for it.
void check_runners(const Configuration& configuration, const BrokerTraits& broker,
                   CheckFindings& findings);
/// Each hook: what it starts and loads, and whether what it waits for can come.
void check_hooks(const Configuration& configuration, const BrokerTraits& broker,
                 CheckFindings& findings);
/// Asks the rbit that runs with this configuration, if one does, which queues it cannot read.
void check_running(const config::Settings& settings, CheckFindings& findings);
/// Whether the front-end answers, and takes our name and password.
void check_front_end(const config::Settings& settings, CheckFindings& findings);
/// Whether the webhook's host can be reached, and is the one it says it is. Nothing is asked there.
void check_webhook(const config::Settings& settings, CheckFindings& findings);
/// How long supervisord or systemd waits for an rbit with this configuration. Their files are
/// looked for below `root`.
void check_services(const config::Settings& settings, const std::string& root,
                    CheckFindings& findings);

/// "90s", "10m", "2h": as the configuration would say it.
std::string duration_text(std::chrono::milliseconds duration);

}  // namespace rbit
