#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "rbit/base/ballast.h"
#include "rbit/base/clock.h"
#include "rbit/base/disk.h"
#include "rbit/base/notice.h"
#include "rbit/core/job_observer.h"

namespace rbit {

/// Sees to it that rbit takes no jobs that the disk has no room for: below the limit in one of its
/// places it says so and holds the intake, above 1.5 times the limit everywhere it lets go. Keeps
/// the ballast too, which the journal throws overboard on a full disk: until there is room to make
/// it again nothing is taken either. On the loop's thread.
class DiskGuard : public JobObserver {
 public:
  struct Place {
    std::string name;  // "state-dir": the key that chose it
    std::string path;
    disk::Space space;  // when it was last looked at
  };
  struct Means {
    std::function<Result<disk::Space>(const std::string& path)> space_at = disk::space_at;
    /// Why nothing may be taken; empty: go on. Called at each change.
    std::function<void(const std::string& why)> hold;
    /// Whether jobs run, which may fill the disk.
    std::function<bool()> is_busy = [] { return true; };
  };

  /// `ballast` lies in the first of the places.
  DiskGuard(Clock& clock, std::vector<Place> places, disk::Limit limit, Ballast& ballast,
            Means means);

  /// Looks now; a few microseconds.
  void look();
  void finished(const Job&, const Outcome&, std::optional<Status>) override;
  void status(const Report&) override { stir(); }
  /// A message has come and is not taken yet: looks, if that was not done just now.
  void arriving();
  /// Looks every 5 s, for ever, while jobs run, the intake is held or the ballast is missing; while
  /// nothing happens it sleeps.
  Task<void> watch();
  /// The ballast, if it is there; the intake is held until it is made again. For
  /// `Database::on_full`.
  bool make_room();

  const std::vector<Place>& places() const { return places_; }

 private:
  bool has_looked(milliseconds lately) const;
  std::string shortage();
  std::string cure() const;
  void note(const std::string& why);
  void make_ballast();
  void stir();

  Clock& clock_;
  std::vector<Place> places_;
  disk::Limit limit_;
  Ballast& ballast_;
  Means means_;
  bool overboard_ = false;            // the ballast was needed
  std::string why_;                   // of the hold; empty: none
  std::optional<SteadyTime> looked_;  // by the steady clock
  bool is_quiet_ = false;             // `watch` waits until it is
  std::optional<Notice> stirred_;     // of `watch`
};

}  // namespace rbit
