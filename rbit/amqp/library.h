#pragma once

// The only file that includes librabbitmq's headers; wire.cpp and open_wire.cpp include it and
// nobody else.

#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>

#include <string>
#include <string_view>

namespace rbit::amqp {

/// The library's view of our bytes. It only reads them, whatever its types say.
inline amqp_bytes_t bytes_of(std::string_view text) {
  return {text.size(), const_cast<char*>(text.data())};
}

inline std::string_view view_of(const amqp_bytes_t& bytes) {
  return {static_cast<const char*>(bytes.bytes), bytes.len};
}

inline std::string text_of(const amqp_bytes_t& bytes) {
  return std::string(view_of(bytes));
}

// Entries of a table. They refer to the texts.
inline amqp_table_entry_t text_entry(std::string_view key, std::string_view text) {
  return {bytes_of(key), {AMQP_FIELD_KIND_UTF8, {.bytes = bytes_of(text)}}};
}

inline amqp_table_entry_t flag_entry(std::string_view key, bool flag) {
  return {bytes_of(key), {AMQP_FIELD_KIND_BOOLEAN, {.boolean = flag}}};
}

}  // namespace rbit::amqp
