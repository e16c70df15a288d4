#include "vmm/memory_map.h"

#include "proto/abi.h"

namespace instar::vmm {

std::vector<Area> BuildMemoryMap(uint64_t memory_bytes, uint32_t num_vcpus,
                                 const std::vector<Area>& segments) {
  constexpr uint8_t kReadWrite = kAccessRead | kAccessWrite;
  std::vector<Area> map;
  map.push_back({abi::kBootOffset, abi::kRingOffset - abi::kBootOffset,
                 kAccessRead, false});
  map.push_back(
      {abi::kRingOffset, num_vcpus * abi::kRingStride, kReadWrite, false});
  for (uint32_t i = 0; i < num_vcpus; ++i) {
    map.push_back({abi::kStackOffset + i * abi::kStackStride + abi::kPageSize,
                   abi::kStackStride - abi::kPageSize, kReadWrite, true});
  }
  map.insert(map.end(), segments.begin(), segments.end());
  map.push_back(
      {abi::kArenaOffset, memory_bytes - abi::kArenaOffset, kReadWrite, true});
  return map;
}

}  // namespace instar::vmm
