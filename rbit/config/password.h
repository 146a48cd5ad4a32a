#pragma once

#include <optional>
#include <string>

#include "rbit/config/section_reader.h"

namespace rbit::config {

/// The password of [amqp] or [status]: of the url, `password`, `password-file`, the variable
/// RBIT_<SECTION>_PASSWORD (which is gone from the environment afterwards), the systemd credential
/// <section>-password. Two of them are a mistake. Notes both keys.
std::string read_password(SectionReader& reader, const std::optional<std::string>& of_url = {});

/// What to do with the variable where no password has a meaning.
void drop_password_variable(const SectionReader& reader);

}  // namespace rbit::config
