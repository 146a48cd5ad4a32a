#include "rbit/amqp/tls_check.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <cerrno>
#include <cstdio>
#include <memory>
#include <system_error>

namespace rbit::amqp {

namespace {

constexpr long long day = 24 * 60 * 60, soon = 14 * day;  // seconds

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;
using Certificate = std::unique_ptr<X509, void (*)(X509*)>;
using Key = std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)>;

/// Open, or a finding that says why not.
File open(const std::string& path, std::vector<TlsFinding>& found) {
  File file(std::fopen(path.c_str(), "re"), [](std::FILE* one) { return std::fclose(one); });
  if (!file)
    found.push_back({true, {path, std::error_code(errno, std::generic_category()).message(), ""}});
  return file;
}

/// Without a terminal to ask on: a key with a pass phrase cannot be used.
int no_pass_phrase(char*, int, int, void*) {
  return -1;
}

/// From now; negative: it is past.
long long seconds_until(const ASN1_TIME* moment) {
  int days = 0, seconds = 0;
  if (ASN1_TIME_diff(&days, &seconds, nullptr, moment) != 1) return 0;
  return days * day + seconds;
}

std::string days(long long seconds) {
  return std::to_string(seconds / day) + " days";
}

void check_dates(const X509* certificate, const std::string& path, bool authority,
                 std::vector<TlsFinding>& found) {
  const long long begins = seconds_until(X509_get0_notBefore(certificate));
  const long long ends = seconds_until(X509_get0_notAfter(certificate));
  const char* cure = authority ? "ask the broker's authority for its new one"
                               : "have a new one made and name it in [amqp] cert-file";
  // One of several authorities that is too old harms nobody who does not need it.
  if (begins > 0)
    found.push_back({!authority, {path, "not valid before " + days(begins) + " from now", ""}});
  else if (ends < 0)
    found.push_back({!authority, {path, "expired " + days(-ends) + " ago", cure}});
  else if (ends < soon)
    found.push_back({false, {path, "expires in " + days(ends), cure}});
}

void check_authorities(const std::string& path, std::vector<TlsFinding>& found) {
  const File file = open(path, found);
  if (!file) return;
  int count = 0, good = 0;
  for (;; ++count) {
    const Certificate one(PEM_read_X509(file.get(), nullptr, no_pass_phrase, nullptr), X509_free);
    if (!one) break;
    check_dates(one.get(), path, true, found);
    good += seconds_until(X509_get0_notAfter(one.get())) > 0 ? 1 : 0;
  }
  if (count == 0)
    found.push_back({true, {path, "no PEM certificate in it", "name the authority's certificate"}});
  else if (good == 0)
    found.back().fatal = true;  // all of them are too old
}

Certificate read_certificate(const std::string& path, std::vector<TlsFinding>& found) {
  const File file = open(path, found);
  Certificate one(nullptr, X509_free);
  if (!file) return one;
  one.reset(PEM_read_X509(file.get(), nullptr, no_pass_phrase, nullptr));
  if (one)
    check_dates(one.get(), path, false, found);
  else
    found.push_back({true, {path, "no PEM certificate in it", ""}});
  return one;
}

Key read_key(const std::string& path, std::vector<TlsFinding>& found) {
  const File file = open(path, found);
  Key key(nullptr, EVP_PKEY_free);
  if (!file) return key;
  key.reset(PEM_read_PrivateKey(file.get(), nullptr, no_pass_phrase, nullptr));
  if (!key)
    found.push_back(
        {true, {path, "no PEM private key in it, or one with a pass phrase", "write it without"}});
  return key;
}

}  // namespace

std::vector<TlsFinding> check_tls_files(const TlsSettings& settings) {
  std::vector<TlsFinding> found;
  if (!settings.ca_file.empty()) check_authorities(settings.ca_file, found);
  if (!settings.cert_file.empty()) {
    const std::string& key_file =
        settings.key_file.empty() ? settings.cert_file : settings.key_file;
    const Certificate certificate = read_certificate(settings.cert_file, found);
    const Key key = read_key(key_file, found);
    if (certificate && key && X509_check_private_key(certificate.get(), key.get()) != 1)
      found.push_back({true,
                       {key_file, "not the private key of " + settings.cert_file,
                        "name the two that were made together"}});
  }
  ERR_clear_error();
  return found;
}

}  // namespace rbit::amqp
