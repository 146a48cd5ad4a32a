#pragma once

#include <string>

namespace rbit {

/// What goes wrong below the log, which this room cannot know: the log's own room hears of it once
/// it is configured, until then standard error does. Any thread.
enum class Complaint {
  goes_on,  // and so does the program
  is_last,  // the program ends right after it
};
void complain(const std::string& line, Complaint kind);

using ComplaintListener = void (*)(const std::string& line, Complaint kind);
void listen_to_complaints(ComplaintListener listener);

}  // namespace rbit
