#pragma once

#include <boost/asio/io_context.hpp>
#include <map>
#include <memory>
#include <string>

#include "rbit/app/configuration.h"
#include "rbit/app/control_handlers.h"
#include "rbit/app/control_server.h"
#include "rbit/app/followers.h"
#include "rbit/app/state_dir.h"
#include "rbit/base/amqp_publish_connection.h"
#include "rbit/base/clock.h"
#include "rbit/base/database.h"
#include "rbit/base/exit_code.h"
#include "rbit/base/notice.h"
#include "rbit/core/runner.h"
#include "rbit/core/transport.h"
#include "rbit/dispatch/dispatcher.h"
#include "rbit/intake/local_transport.h"
#include "rbit/journal/sqlite_journal.h"
#include "rbit/report/outbox.h"
#include "rbit/run/leader_pool.h"
#include "rbit/run/run_place.h"

namespace rbit {

/// The roof: builds the house of rbit/README.rst from a configuration, opens its doors, and shuts
/// them in order. Everything on the one loop.
class App {
 public:
  /// Throws Fatal for what makes a start impossible.
  App(Configuration configuration, StateDir state);
  ~App();

  /// Until told to stop.
  ExitCode run();

 private:
  Task<void> live();
  Task<void> recover();
  Task<void> shut();
  void on_signal(int count);

  void open_journal();
  void make_runners();
  void make_transport();
  void make_dispatcher();
  void open_control();
  FlowLinks flow_links();

  const config::Settings& settings() const { return configuration_.settings(); }

  Configuration configuration_;
  StateDir state_;
  RunPlace place_;
  asio::io_context loop_{1};
  SystemClock clock_;
  Notice stop_;
  int signals_ = 0;
  int records_ = 0;
  std::unique_ptr<Database> database_;
  std::unique_ptr<amqp::PublishConnection> publisher_;  // for the status queue, if reports go there
  std::unique_ptr<SqliteJournal> journal_;
  std::unique_ptr<Outbox> outbox_;
  std::unique_ptr<LeaderPool> leaders_;
  std::map<std::string, std::unique_ptr<Runner>> runners_;
  std::unique_ptr<Transport> transport_;
  LocalTransport* local_ = nullptr;  // the same, where it is the embedded queue
  std::unique_ptr<Dispatcher> dispatcher_;
  Followers followers_;
  std::unique_ptr<ControlHandlers> handlers_;
  std::unique_ptr<ControlServer> control_;
};

/// Where the runners of this configuration find what they need.
RunPlace run_place(const config::Settings& settings, const std::string& state_dir);

}  // namespace rbit
