#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "rbit/log/file.h"
#include "rbit/log/record.h"

namespace rbit::log {

/// Brings lines to one place, on a thread of its own, so that nobody waits for that place: a pipe
/// that is not read, a terminal that was stopped, a disk that hangs. What it does not take is kept
/// up to a limit; then the oldest lines are lost, and a line says how many as soon as one can be
/// written again. Where no thread is to be had, who writes brings as much as the place takes at
/// once, says so, and asks for a thread again with each line. Any thread.
class LogWriter {
 public:
  struct Line {
    std::chrono::system_clock::time_point time;
    Level level = Level::info;
    std::string text;
  };
  struct Means {
    /// Opens the place. Throws spdlog::spdlog_ex.
    std::function<std::shared_ptr<Place>(bool again)> open;
    /// The line that says that `count` lines were lost.
    std::function<Line(std::size_t count)> loss;
    /// What is wrong with the place, told once until it works again; not by way of this writer.
    std::function<void(const std::string& trouble)> tell;
    /// The line that says what hinders the writer itself; none: it is not said.
    std::function<Line(const std::string& trouble)> remark = nullptr;
    /// Throws std::system_error where there is no thread.
    std::function<void(std::function<void()>)> start_thread = [](std::function<void()> work) {
      std::thread(std::move(work)).detach();
    };
  };

  /// Opens the place here and now; throws what `open` throws. The thread comes with the first line.
  explicit LogWriter(Means means);
  /// What is here will still be written while the process lives; nobody waits for it.
  ~LogWriter();
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  void write(Line line);
  /// Opens the place again, after the lines that are here. One that cannot be opened is told, and
  /// the old one goes on.
  void reopen();

  /// Until all lines of all writers, those too that are gone, have arrived, or `limit` has passed.
  static void flush_all(std::chrono::steady_clock::duration limit);

 private:
  struct State;
  struct Registry;
  std::shared_ptr<State> state_;
};

}  // namespace rbit::log
