#include "rbit/app/helper_programs.h"

#include <unistd.h>

#include <filesystem>

#include "rbit/base/result.h"

namespace rbit {

HelperPrograms find_helper_programs() {
  std::error_code failed;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", failed);
  const auto beside = self.parent_path();
  const auto installed = beside.parent_path() / "libexec" / "rbit";
  for (const auto& directory : {beside, installed}) {
    const auto leader = directory / "rbit-leader";
    if (::access(leader.c_str(), X_OK) != 0) continue;
    return {leader.string(), (directory / "rbit-plugin-host").string(),
            (directory / "python").string()};
  }
  throw Fatal(
      ExitCode::internal,
      Error{"rbit-leader", "is neither in " + beside.string() + " nor in " + installed.string(),
            "install rbit again with cmake --install"});
}

}  // namespace rbit
