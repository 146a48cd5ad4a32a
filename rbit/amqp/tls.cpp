#include "rbit/amqp/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

namespace rbit::amqp {

namespace {

Error failure(const std::string& file, const char* cure) {
  const unsigned long code = ERR_get_error();
  const char* why = code ? ERR_reason_error_string(code) : nullptr;
  ERR_clear_error();
  return {file, why ? why : "it cannot be used", cure};
}

bool is_address(const std::string& host) {
  ASN1_OCTET_STRING* address = a2i_IPADDRESS(host.c_str());
  ASN1_OCTET_STRING_free(address);
  return address != nullptr;
}

/// The library connects to a numeric address and would name that to the server; the server wants
/// the name, and no name where there is none.
void name_the_server(const SSL* ssl, int where, int) {
  if ((where & SSL_CB_HANDSHAKE_START) == 0) return;
  const auto* host = static_cast<const std::string*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  const char* name = is_address(*host) ? nullptr : host->c_str();
  SSL_set_tlsext_host_name(const_cast<SSL*>(ssl), name);
}

}  // namespace

Result<void> secure(void* ssl_context, const TlsSettings& settings, const std::string& host) {
  auto* context = static_cast<SSL_CTX*>(ssl_context);
  ERR_clear_error();
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_verify(context, settings.verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  const bool loaded =
      settings.ca_file.empty()
          ? SSL_CTX_set_default_verify_paths(context) == 1
          : SSL_CTX_load_verify_locations(context, settings.ca_file.c_str(), nullptr) == 1;
  if (!loaded) return failure(settings.ca_file, "[amqp] ca-file names a file of PEM certificates");
  if (!settings.cert_file.empty()) {
    const std::string& key = settings.key_file.empty() ? settings.cert_file : settings.key_file;
    if (SSL_CTX_use_certificate_chain_file(context, settings.cert_file.c_str()) != 1)
      return failure(settings.cert_file, "[amqp] cert-file names a PEM certificate");
    if (SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(context) != 1)
      return failure(key, "[amqp] key-file names the certificate's private key");
  }
  X509_VERIFY_PARAM* wanted = SSL_CTX_get0_param(context);
  X509_VERIFY_PARAM_set_hostflags(wanted, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  const bool named = !settings.verify ? true
                     : is_address(host)
                         ? X509_VERIFY_PARAM_set1_ip_asc(wanted, host.c_str()) == 1
                         : X509_VERIFY_PARAM_set1_host(wanted, host.c_str(), host.size()) == 1;
  if (!named) return Error{host, "no name that a certificate could have", ""};
  SSL_CTX_set_app_data(context, const_cast<std::string*>(&host));
  SSL_CTX_set_info_callback(context, name_the_server);
  return {};
}

std::string tls_trouble() {
  const unsigned long code = ERR_peek_last_error();
  const char* why = code ? ERR_reason_error_string(code) : nullptr;
  ERR_clear_error();
  return why ? why : "";
}

}  // namespace rbit::amqp
