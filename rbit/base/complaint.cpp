#include "rbit/base/complaint.h"

#include <atomic>
#include <cstdio>

namespace rbit {

namespace {

void to_standard_error(const std::string& line, Complaint) {
  std::fprintf(stderr, "rbit: %s\n", line.c_str());
}

std::atomic<ComplaintListener> heard_by = to_standard_error;

}  // namespace

void complain(const std::string& line, Complaint kind) {
  heard_by.load()(line, kind);
}

void listen_to_complaints(ComplaintListener listener) {
  heard_by = listener;
}

}  // namespace rbit
