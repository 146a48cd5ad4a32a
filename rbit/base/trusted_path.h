#pragma once

#include <sys/stat.h>

#include <functional>
#include <optional>
#include <string>

#include "rbit/base/fd.h"
#include "rbit/base/result.h"

namespace rbit {

/// Who besides root and us could put something else where a path leads.
enum class Meddler { none, owner, group, others };

/// Says who could change one part of a path: a directory, a file or a link. In a sticky directory
/// such as /tmp nobody else can replace what is root's or ours. `trusted_uid` counts as us besides
/// our effective user; -1: nobody.
Meddler meddler_of(const struct stat& part, long trusted_uid = -1);

/// The same as an Error with its cure.
Result<void> refuse_meddlers(const std::string& path, const struct stat& part,
                             long trusted_uid = -1);

/// Where a path leads, every link on the way followed.
struct Walked {
  std::string path;  // the real one, without links; of what is missing the first part that is
  struct stat info {};
  bool is_missing = false;
  Fd directory;      // O_PATH: of a file the directory it lies in
  std::string name;  // of a file, in `directory`; of what is missing its first name; else empty
};

/// Called for each part of the path from the root on, links too, before it is entered.
using LookAtPart = std::function<Result<void>(const std::string& path, const struct stat& part)>;

/// Goes along a path part by part, by descriptors, so that what was looked at is what is used.
/// `path` is absolute or starts at the current directory. The first Error of `look` ends it. What
/// is missing is made with `mode` (less the umask) if there is one; else it ends there.
Result<Walked> walk_path(const std::string& path, const LookAtPart& look,
                         std::optional<mode_t> mode = std::nullopt);

/// How much others may do in a directory that we use.
enum class Sharing {
  with_group,  // as `names`, and a group may write: /var/log, where syslog is a user of its own
  nothing,     // nobody else may write there: files in it have fixed names
  names,       // it may be sticky, as /tmp is: what we make there gets names that were free
};

/// A directory that nobody but root and us can put something else in the place of: it, all above it
/// and the links on the way belong to root or us, and nobody else may write there, but for sticky
/// directories above. The private group of an ordinary user, which he is alone in, is himself. What
/// is missing is made with `mode` less the umask. The descriptor can be read and synced.
Result<Fd> open_trusted_directory(const std::string& path, mode_t mode, Sharing sharing);
/// The same for one that need not be readable.
Result<void> make_trusted_directory(const std::string& path, mode_t mode, Sharing sharing);

/// Whether that would be refused, as far as the directory or what is above it is there already;
/// makes nothing. Gives the deepest one that is there.
Result<std::string> check_trusted_directory(const std::string& path, Sharing sharing);

/// Whether nobody but root and us can change what `path` names: a regular file; it, every directory
/// above it and every link on the way belong to root or us, and neither group nor others may write
/// (a sticky directory such as /tmp is fine). The Error names the part that is not so and how to
/// mend it. `path` is absolute or starts at the current directory. `trusted_uid` counts as us
/// besides our effective user, for a host that runs under another user than rbit; -1: nobody.
Result<void> check_code_file(const std::string& path, long trusted_uid = -1);

/// The same, and the file opened for reading, once: load it as /proc/self/fd/N.
Result<Fd> open_code_file(const std::string& path, long trusted_uid = -1);

}  // namespace rbit
