#include "rbit/config/password.h"

#include <cstdlib>
#include <filesystem>

#include "rbit/base/secrets.h"
#include "rbit/base/text.h"
#include "rbit/config/secret_file.h"

namespace rbit::config {

namespace {

std::string variable_of(const SectionReader& reader) {
  return "RBIT_" + text::upper(reader.shown()) + "_PASSWORD";
}

/// Empty: systemd gave none.
std::string credential_of(const SectionReader& reader) {
  const char* directory = std::getenv("CREDENTIALS_DIRECTORY");
  if (directory == nullptr || *directory != '/') return "";
  const std::string path = std::string(directory) + "/" + reader.shown() + "-password";
  std::error_code ignored;
  return std::filesystem::exists(path, ignored) ? path : "";
}

std::string read_file(SectionReader& reader, const std::string& path) {
  const auto secret = read_secret_file(path);
  if (secret) return *secret;
  reader.error("password-file", secret.error().text());
  return "";
}

/// `rbit config` shows where it comes from, not what it is.
void note_origin(SectionReader& reader, const std::string& origin) {
  for (auto& value : reader.loaded().values)
    if (value.section == reader.shown() && value.key == "password") {
      value.text = "***";
      value.place = {origin, 0};
    }
}

}  // namespace

std::string read_password(SectionReader& reader, const std::optional<std::string>& of_url) {
  std::string password;
  if (of_url) {
    password = *of_url;
    reader.note("password", *of_url, reader.entry("url")->place, true);
  } else {
    password = reader.text("password");
  }
  const bool is_said = of_url || reader.has("password");
  std::string file;
  reader.read("password-file", file);
  const std::string variable = variable_of(reader);
  const std::string given = secrets::take_variable(variable.c_str());
  if (!given.empty() && (is_said || !file.empty())) {
    reader.error(file.empty() ? "password" : "password-file",
                 "the environment's " + variable + " says one too; drop one");
    return password;
  }
  if (!file.empty() && of_url) return password;  // said by the reader of the url
  if (!file.empty() && is_said) {
    reader.error("password-file", "stands beside 'password': only one of them may be there");
    return password;
  }
  if (!file.empty()) return read_file(reader, file);
  if (!given.empty()) {
    note_origin(reader, environment_place);
    return given;
  }
  const std::string credential = is_said ? "" : credential_of(reader);
  if (credential.empty()) return password;
  note_origin(reader, credential);
  return read_file(reader, credential);
}

void drop_password_variable(const SectionReader& reader) {
  secrets::take_variable(variable_of(reader).c_str());
}

}  // namespace rbit::config
