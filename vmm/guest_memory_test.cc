#include "vmm/guest_memory.h"

#include <gtest/gtest.h>

#include "proto/abi.h"
#include "vmm/page_tables.h"

namespace instar::vmm {
namespace {

constexpr uint64_t kBytes = abi::kMinMemoryBytes;

GuestMemory NewMemory() {
  auto memory = GuestMemory::Map(kBytes, GuestMemory::Sharing::kPrivate);
  memory->set_map(BuildMemoryMap(
      kBytes, 2,
      {{abi::kImageOffset, 0x2000, kAccessRead | kAccessExecute, true},
       {abi::kImageOffset + 0x2000, 0x1000, kAccessRead, true},
       {abi::kImageOffset + 0x3000, 0x1000, kAccessRead | kAccessWrite,
        true}}));
  return std::move(*memory);
}

abi::GuestAddress At(uint64_t offset) {
  return abi::GuestAddress{abi::kGuestBase + offset};
}

TEST(GuestMemory, GivesTheWholeArena) {
  const GuestMemory memory = NewMemory();
  const uint64_t length = kBytes - abi::kArenaOffset;
  const auto bytes = memory.Writable(At(abi::kArenaOffset), length);
  ASSERT_TRUE(bytes.has_value());
  EXPECT_EQ(bytes->data(), memory.at(abi::kArenaOffset));
  EXPECT_EQ(bytes->size(), length);
}

TEST(GuestMemory, RefusesOneByteMore) {
  const GuestMemory memory = NewMemory();
  const uint64_t length = kBytes - abi::kArenaOffset;
  EXPECT_FALSE(memory.Writable(At(abi::kArenaOffset), length + 1));
  EXPECT_FALSE(memory.Writable(At(abi::kArenaOffset - 1), 1));
  EXPECT_FALSE(memory.Writable(At(abi::kArenaOffset), UINT64_MAX));
  EXPECT_FALSE(memory.Readable(At(kBytes), 1));
}

TEST(GuestMemory, RefusesAddressesThatWrap) {
  const GuestMemory memory = NewMemory();
  EXPECT_FALSE(memory.Readable(abi::GuestAddress{0}, 1));
  EXPECT_FALSE(memory.Readable(abi::GuestAddress{UINT64_MAX}, 2));
  EXPECT_FALSE(memory.Readable(abi::GuestAddress{abi::kGuestBase - 1}, 2));
}

TEST(GuestMemory, KeepsTextAndConstantsFromBeingWritten) {
  const GuestMemory memory = NewMemory();
  EXPECT_TRUE(memory.Readable(At(abi::kImageOffset), 16));
  EXPECT_FALSE(memory.Writable(At(abi::kImageOffset), 16));
  EXPECT_TRUE(memory.Readable(At(abi::kImageOffset + 0x2000), 16));
  EXPECT_FALSE(memory.Writable(At(abi::kImageOffset + 0x2000), 16));
  EXPECT_TRUE(memory.Writable(At(abi::kImageOffset + 0x3000), 16));
}

TEST(GuestMemory, HoldsNoBuffersInTheHostsPartTheRingOrTheGuardPage) {
  const GuestMemory memory = NewMemory();
  for (const uint64_t offset :
       {uint64_t{0}, abi::kBootOffset, abi::kConfigOffset, abi::kRingOffset,
        abi::kStackOffset, abi::kStackOffset + 2 * abi::kStackStride}) {
    EXPECT_FALSE(memory.Readable(At(offset), 1)) << offset;
    EXPECT_FALSE(memory.Writable(At(offset), 1)) << offset;
  }
  EXPECT_TRUE(memory.Writable(At(abi::kStackOffset + abi::kPageSize), 1));
}

// Walks the tables as the processor does. 0: not mapped; else the last entry.
uint64_t Walk(const GuestMemory& memory, uint64_t cr3, uint64_t address) {
  uint64_t table = cr3;
  for (int level = 3; level >= 0; --level) {
    const uint64_t index = (address >> (12 + 9 * level)) & 511;
    const uint64_t entry =
        reinterpret_cast<const uint64_t*>(memory.at(table))[index];
    if ((entry & 1) == 0) {
      return 0;
    }
    if (level == 0 || (entry & 0x80) != 0) {
      return entry;
    }
    table = entry & 0x000f'ffff'ffff'f000;
    EXPECT_LT(table, abi::kBootOffset);
  }
  return 0;
}

TEST(PageTables, SayOfEveryPageWhatTheMapSays) {
  const GuestMemory memory = NewMemory();
  const uint64_t cr3 = BuildPageTables(memory);
  for (uint64_t offset = 0; offset < kBytes; offset += abi::kPageSize) {
    uint8_t access = 0;
    for (const Area& area : memory.map()) {
      if (offset >= area.offset && offset - area.offset < area.length) {
        access = area.access;
      }
    }
    const uint64_t entry = Walk(memory, cr3, abi::kGuestBase + offset);
    EXPECT_EQ(entry != 0, access != 0) << offset;
    if (entry == 0) {
      continue;
    }
    const uint64_t page = offset >= abi::kArenaOffset ? 2 << 20 : 4096;
    EXPECT_EQ(entry & 0x000f'ffff'ffff'f000 & ~(page - 1),
              offset & ~(page - 1));
    EXPECT_EQ((entry & 2) != 0, (access & kAccessWrite) != 0) << offset;
    EXPECT_EQ((entry >> 63) == 0, (access & kAccessExecute) != 0) << offset;
    EXPECT_NE(entry & 4, 0U) << offset;
  }
}

TEST(PageTables, MapNothingElseButTheDoorbell) {
  const GuestMemory memory = NewMemory();
  const uint64_t cr3 = BuildPageTables(memory);
  EXPECT_EQ(Walk(memory, cr3, 0), 0U);
  EXPECT_EQ(Walk(memory, cr3, abi::kGuestBase + kBytes), 0U);
  EXPECT_EQ(Walk(memory, cr3, abi::kDoorbellAddress - 4096), 0U);
  EXPECT_EQ(Walk(memory, cr3, abi::kDoorbellAddress + 4096), 0U);
  const uint64_t entry = Walk(memory, cr3, abi::kDoorbellAddress);
  EXPECT_EQ(entry & 0x000f'ffff'ffff'f000, kDoorbellPhysical);
  EXPECT_EQ(entry >> 63, 1U);
}

}  // namespace
}  // namespace instar::vmm
