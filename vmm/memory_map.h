// What of the region a guest may do where: the one list from which the page
// tables (KVM), the mprotect calls (process jail) and the checks of request
// buffers are made.
#pragma once

#include <cstdint>
#include <vector>

namespace instar::vmm {

enum Access : uint8_t {
  kAccessRead = 1,
  kAccessWrite = 2,
  kAccessExecute = 4,
};

// [offset, +length) of the region, whole pages.
struct Area {
  uint64_t offset = 0;
  uint64_t length = 0;
  uint8_t access = 0;          // Access
  bool holds_buffers = false;  // a request's buffer may lie here
};

// Ordered, without overlaps; what is in no area is not mapped for the guest.
// `segments`: those of the image (vmm/image_loader.h).
std::vector<Area> BuildMemoryMap(uint64_t memory_bytes, uint32_t num_vcpus,
                                 const std::vector<Area>& segments);

}  // namespace instar::vmm
