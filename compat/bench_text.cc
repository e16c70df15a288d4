#include "compat/bench_text.h"

#include <cstdio>

namespace instar::compat {

std::string BenchStartText(const BenchRequests& requests) {
  const auto number = [](uint64_t value) { return std::to_string(value); };
  std::string text =
      "Sending " + number(requests.count) +
      (requests.writes ? " write" : " read") + " requests, " +
      number(requests.buffer_bytes) + " bytes each, " + number(requests.depth) +
      " in parallel (starting at offset " + number(requests.offset) +
      ", step size " + number(requests.step_bytes) + ")\n";
  if (requests.flush_interval != 0) {
    text += "Sending flush every " + number(requests.flush_interval) +
            " requests\n";
  }
  return text;
}

std::string BenchEndText(double seconds) {
  char text[64];
  snprintf(text, sizeof text, "Run completed in %3.3f seconds.\n", seconds);
  return text;
}

}  // namespace instar::compat
