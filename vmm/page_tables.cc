#include "vmm/page_tables.h"

#include "proto/abi.h"

namespace instar::vmm {
namespace {

// Intel SDM volume 3, 4.5: bits of an entry of 4-level paging.
constexpr uint64_t kPresent = 1 << 0;
constexpr uint64_t kWritable = 1 << 1;
constexpr uint64_t kUser = 1 << 2;
constexpr uint64_t kAccessed = 1 << 5;
constexpr uint64_t kDirty = 1 << 6;
constexpr uint64_t kLarge = 1 << 7;
constexpr uint64_t kNoExecute = uint64_t{1} << 63;
constexpr uint64_t kTable = kPresent | kWritable | kUser | kAccessed;

constexpr uint64_t kLargePage = 2 << 20;

// Region offsets of the tables, one page each.
constexpr uint64_t kPml4 = 0x1000;
constexpr uint64_t kPdpt = 0x2000;
constexpr uint64_t kDirectory = 0x3000;          // of kGuestBase's 1 GiB
constexpr uint64_t kLowTables = 0x4000;          // two: below the arena
constexpr uint64_t kDoorbellDirectory = 0x6000;  // of the 1 GiB before it
constexpr uint64_t kDoorbellTable = 0x7000;
static_assert(kDoorbellTable + abi::kPageSize <= abi::kBootOffset);
static_assert(abi::kArenaOffset == 2 * kLargePage);
static_assert(abi::kGuestBase % (1 << 30) == 0 &&
              abi::kMaxMemoryBytes <= (1 << 30));

uint64_t Index(uint64_t address, int level) {
  return (address >> (12 + 9 * level)) & 511;
}

uint64_t LeafBits(uint8_t access) {
  uint64_t bits = kPresent | kUser | kAccessed;
  if ((access & kAccessWrite) != 0) {
    bits |= kWritable | kDirty;
  }
  if ((access & kAccessExecute) == 0) {
    bits |= kNoExecute;
  }
  return bits;
}

}  // namespace

uint64_t BuildPageTables(const GuestMemory& memory) {
  const auto table = [&memory](uint64_t offset) {
    return reinterpret_cast<uint64_t*>(memory.at(offset));
  };
  table(kPml4)[Index(abi::kGuestBase, 3)] = kPdpt | kTable;
  table(kPdpt)[Index(abi::kGuestBase, 2)] = kDirectory | kTable;
  table(kDirectory)[0] = kLowTables | kTable;
  table(kDirectory)[1] = (kLowTables + abi::kPageSize) | kTable;
  for (const Area& area : memory.map()) {
    const uint64_t bits = LeafBits(area.access);
    const bool large = area.offset >= abi::kArenaOffset;
    const uint64_t step = large ? kLargePage : abi::kPageSize;
    for (uint64_t at = area.offset; at < area.offset + area.length;
         at += step) {
      if (large) {
        table(kDirectory)[Index(at, 1)] = at | bits | kLarge;
      } else {
        // The two low tables are neighbours, so they make one array.
        table(kLowTables)[at / abi::kPageSize] = at | bits;
      }
    }
  }
  table(kPdpt)[Index(abi::kDoorbellAddress, 2)] = kDoorbellDirectory | kTable;
  table(kDoorbellDirectory)[Index(abi::kDoorbellAddress, 1)] =
      kDoorbellTable | kTable;
  table(kDoorbellTable)[Index(abi::kDoorbellAddress, 0)] =
      kDoorbellPhysical | LeafBits(kAccessRead | kAccessWrite);
  return kPml4;
}

}  // namespace instar::vmm
