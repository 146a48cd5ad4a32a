#pragma once

#include <boost/asio/io_context.hpp>
#include <string>

#include "rbit/report/pybit_address.h"
#include "tests/support/http_stub.h"

namespace rbit::test {

/// A front-end that answers what a test wants, and how to reach it.
struct PybitStub {
  PybitStub() {
    settings.url = stub.url();
    settings.username = "admin";
    settings.password = "pass:word";
  }
  void answers(const std::string& status, const std::string& body = "",
               const std::string& headers = "") {
    stub.answer([=](const HttpStub::Request&) { return HttpStub::reply(status, body, headers); });
  }

  asio::io_context loop;
  HttpStub stub{loop};
  PybitSettings settings;
};

}  // namespace rbit::test
