// What `bench` prints.
#pragma once

#include <cstdint>
#include <string>

namespace instar::compat {

// What is asked of the image.
struct BenchRequests {
  bool writes = false;
  uint64_t count = 75000;
  uint64_t depth = 64;           // in flight at a time
  uint64_t offset = 0;           // bytes
  uint64_t buffer_bytes = 4096;  // of each
  uint64_t step_bytes = 0;       // from one to the next
  uint64_t flush_interval = 0;   // requests; 0: no flushes
};

// The lines before the first request, and behind the last; `seconds`: between.
std::string BenchStartText(const BenchRequests& requests);
std::string BenchEndText(double seconds);

}  // namespace instar::compat
