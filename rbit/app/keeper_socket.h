#pragma once

#include <boost/asio/local/stream_protocol.hpp>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>

#include "rbit/base/notice.h"
#include "rbit/core/job_observer.h"
#include "rbit/core/kept_attempt.h"
#include "rbit/dispatch/keeping.h"

namespace rbit {

/// The side of an rbit that has handed over, and keeps the attempts that run to their end: says
/// what becomes of them to whichever rbit works in the state directory now, over a socket there.
/// Ends and what is published are in the records first, so nobody need listen. On the loop's
/// thread.
class KeeperSocket : public Keeper, public JobObserver {
 public:
  /// `stop` is called for a job whose end the successor wants.
  KeeperSocket(const asio::any_io_executor& loop, const std::string& state_dir,
               std::function<void(const std::string& key, StopKind kind)> stop);
  ~KeeperSocket() override;

  Result<void> open();
  /// Before anybody can ask.
  void hold(const Job& job, const std::string& record_dir);
  std::size_t held() const { return held_.size(); }
  /// Ends when what was said is out, or cannot be. Nobody is listened to any more.
  Task<void> close();

  void status(const Job& job, const Report& report) override;
  using JobObserver::status;
  void publish(const Job& job, const Publication& publication,
               const std::string& record_dir) override;
  void ended(const Job& job, const Outcome& outcome, const std::string& record_dir) override;
  void progress(const Job& job, const Progress& progress) override;
  void metric(const Job& job, const MetricChange& change) override;

 private:
  using Socket = asio::local::stream_protocol::socket;
  struct Client {
    explicit Client(Socket its) : socket(std::move(its)) {}
    Socket socket;
    std::deque<std::string> lines;  // to be sent
    bool is_sending = false, is_gone = false;
  };
  struct Held {
    std::string key;
    int attempt = 1;
    std::optional<Progress> progress;
    int publications = 0;
  };

  Task<void> accept_all();
  Task<void> listen_to(std::shared_ptr<Client> client);
  Task<void> send(std::shared_ptr<Client> client);
  void greet(Client& client) const;
  void say(const std::string& record, const KeptNews& news);
  void say(nlohmann::json line);
  void say_to(const std::shared_ptr<Client>& client, std::string line);
  std::string record_of(const Job& job) const;

  asio::any_io_executor loop_;
  std::string path_;
  std::function<void(const std::string&, StopKind)> stop_;
  asio::local::stream_protocol::acceptor acceptor_;
  std::shared_ptr<Client> client_;    // the latest; null: nobody listens
  std::map<std::string, Held> held_;  // by record
  std::deque<std::string> unheard_;   // statuses that nobody was there to hear
  Notice sent_;
};

}  // namespace rbit
