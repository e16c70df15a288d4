#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "lib/base/checked.h"
#include "lib/format/qcow2/layout.h"
#include "lib/format/target.h"
#include "lib/format/writers.h"
#include "tests/support/memory_file.h"

namespace instar::qcow2 {
namespace {

using fakes::MemoryFile;

constexpr uint64_t kArenaBytes = 16 << 20;

// Memory for one image.
struct Memory {
  std::vector<uint8_t> bytes = std::vector<uint8_t>(kArenaBytes);
  Arena arena{MutableBytes(bytes.data(), bytes.size())};
};

const Writer& Qcow2() {
  return *FindWriter(ByteView::Of("qcow2"));
}

CreateOptions OfSize(uint64_t size) {
  CreateOptions options;
  options.size = size;
  return options;
}

// Small clusters reach the limits of tables soon.
CreateOptions Small(uint64_t size) {
  CreateOptions options = OfSize(size);
  options.qcow2.cluster_size = 512;
  options.qcow2.refcount_bits = 64;
  return options;
}

Status Create(MemoryFile& file, const CreateOptions& options) {
  Memory memory;
  return Qcow2().create(memory.arena, {.file = &file}, options);
}

// Writes `length` bytes of `value` at `offset`, as convert does.
Status Write(Target& target, uint64_t offset, uint64_t length, uint8_t value) {
  const std::vector<uint8_t> data(length, value);
  uint64_t done = 0;
  while (done < length) {
    const WriteExtent extent =
        TRY(target.Allocate(offset + done, length - done));
    TRY(extent.file->WriteAt(extent.host_offset,
                             ByteView(data.data() + done, extent.length)));
    done += extent.length;
  }
  return {};
}

template <typename F>
uint64_t At(const MemoryFile& file, uint64_t offset) {
  auto& bytes = const_cast<MemoryFile&>(file).bytes();
  const auto value = ByteView(bytes.data(), bytes.size()).At<F>(offset);
  return value.ok() ? value.value() : 0;
}

// The refcount of a cluster in an image of 64-bit refcounts.
uint64_t RefcountOf(const MemoryFile& file, uint64_t offset) {
  using L = HeaderLayout;
  const uint64_t cluster = 512;
  const uint64_t per_block = cluster / 8;
  const uint64_t index = offset / cluster;
  const uint64_t table = At<Be64>(file, L::kRefcountTableOffset.offset);
  const uint64_t clusters = At<Be32>(file, L::kRefcountTableClusters.offset);
  if (index / per_block >= clusters * per_block) {
    return 0;
  }
  const uint64_t block = At<Be64>(file, table + index / per_block * 8);
  return block == 0 ? 0 : At<Be64>(file, block + index % per_block * 8);
}

// Every cluster that a table refers to has a refcount.
void ExpectCounted(const MemoryFile& file) {
  using L = HeaderLayout;
  const uint64_t l1 = At<Be64>(file, L::kL1TableOffset.offset);
  const uint64_t entries = At<Be32>(file, L::kL1Size.offset);
  for (uint64_t i = 0; i < entries; ++i) {
    const uint64_t table = At<Be64>(file, l1 + i * 8) & kL1OffsetMask;
    if (table == 0) {
      continue;
    }
    EXPECT_NE(RefcountOf(file, table), 0) << "L2 table " << i;
    for (uint64_t k = 0; k < 64; ++k) {
      const uint64_t data = At<Be64>(file, table + k * 8) & kL2OffsetMask;
      EXPECT_TRUE(data == 0 || RefcountOf(file, data) != 0)
          << "entry " << k << " of L2 table " << i;
    }
  }
}

TEST(Qcow2Writer, PutsTheTablesOfAnEmptyImageBehindTheHeader) {
  using L = HeaderLayout;
  MemoryFile file;
  ASSERT_TRUE(Create(file, OfSize(1 << 30)).ok());
  EXPECT_EQ(file.size(), 3 * 65536 + 2 * 8);
  EXPECT_EQ(At<Be32>(file, L::kMagic.offset), kMagic);
  EXPECT_EQ(At<Be64>(file, L::kVirtualSize.offset), 1 << 30);
  EXPECT_EQ(At<Be64>(file, L::kL1TableOffset.offset), 3 * 65536);
  EXPECT_EQ(At<Be64>(file, L::kRefcountTableOffset.offset), 65536);
  EXPECT_EQ(At<Be64>(file, 65536), 2 * 65536);
  for (uint64_t i = 0; i < 5; ++i) {
    EXPECT_EQ(At<Be16>(file, 2 * 65536 + i * 2), i < 4 ? 1 : 0);
  }
}

TEST(Qcow2Writer, RoundsTheSizeUpToWholeSectors) {
  MemoryFile file;
  ASSERT_TRUE(Create(file, OfSize(513)).ok());
  EXPECT_EQ(At<Be64>(file, HeaderLayout::kVirtualSize.offset), 1024);
}

TEST(Qcow2Writer, TakesTheFirstFreeClusterForTheTableThenForTheData) {
  MemoryFile file;
  ASSERT_TRUE(Create(file, OfSize(1 << 30)).ok());
  Memory memory;
  const auto target =
      Qcow2().open(memory.arena, {.file = &file}, nullptr, nullptr);
  ASSERT_TRUE(target.ok());
  const auto extent = target.value()->Allocate(65536 * 7 + 512, 1024);
  ASSERT_TRUE(extent.ok());
  EXPECT_EQ(extent.value().length, 1024);
  EXPECT_EQ(extent.value().host_offset, 5 * 65536 + 512);
  ASSERT_TRUE(target.value()->Finish().ok());
  EXPECT_EQ(file.size(), 6 * 65536) << "the rest of the cluster is there too";
  EXPECT_EQ(At<Be64>(file, 3 * 65536), 4 * 65536 | kEntryCopied);
  EXPECT_EQ(At<Be64>(file, 4 * 65536 + 7 * 8), 5 * 65536 | kEntryCopied);
}

TEST(Qcow2Writer, AllocatesAFreshImageWithoutTouchingTheFile) {
  MemoryFile file;
  ASSERT_TRUE(Create(file, OfSize(1 << 30)).ok());
  Memory memory;
  const auto target =
      Qcow2().open(memory.arena, {.file = &file}, nullptr, nullptr);
  ASSERT_TRUE(target.ok());
  ASSERT_TRUE(target.value()->Allocate(0, 65536).ok());
  file.ClearLog();
  for (uint64_t offset = 65536; offset < 200 << 20; offset += 65536) {
    ASSERT_TRUE(target.value()->Allocate(offset, 65536).ok());
  }
  EXPECT_TRUE(file.log().empty());
}

TEST(Qcow2Writer, GrowsTheRefcountTable) {
  MemoryFile file;
  ASSERT_TRUE(Create(file, Small(8 << 20)).ok());
  Memory memory;
  const auto target =
      Qcow2().open(memory.arena, {.file = &file}, nullptr, nullptr);
  ASSERT_TRUE(target.ok());
  ASSERT_TRUE(Write(*target.value(), 0, 6 << 20, 0x5a).ok());
  ASSERT_TRUE(target.value()->Finish().ok());
  EXPECT_GT(At<Be32>(file, HeaderLayout::kRefcountTableClusters.offset), 1);
  ExpectCounted(file);
}

TEST(Qcow2Writer, MarksZeroesInsteadOfWritingThem) {
  MemoryFile file;
  ASSERT_TRUE(Create(file, OfSize(1 << 30)).ok());
  Memory memory;
  const auto target =
      Qcow2().open(memory.arena, {.file = &file}, nullptr, nullptr);
  ASSERT_TRUE(target.ok());
  ASSERT_TRUE(Write(*target.value(), 0, 65536, 1).ok());
  ASSERT_TRUE(target.value()->WriteZeroes(0, 2 * 65536, true).ok());
  ASSERT_TRUE(target.value()->Finish().ok());
  EXPECT_EQ(At<Be64>(file, 4 * 65536), kEntryZero);
  EXPECT_EQ(At<Be64>(file, 4 * 65536 + 8), kEntryZero);
  EXPECT_EQ(At<Be16>(file, 2 * 65536 + 5 * 2), 0) << "the cluster is free";
}

TEST(Qcow2Writer, LeavesNoReferenceToAFreeClusterWhereverAWriteFails) {
  MemoryFile empty;
  ASSERT_TRUE(Create(empty, Small(4 << 20)).ok());
  bool finished = false;
  for (uint64_t n = 0; !finished; ++n) {
    ASSERT_LT(n, 100000);
    MemoryFile file(empty.bytes());
    Memory memory;
    // Small caches, so that pages leave them in the middle.
    Arena arena(MutableBytes(memory.bytes.data(), 200 << 10));
    const auto target = Qcow2().open(arena, {.file = &file}, nullptr, nullptr);
    ASSERT_TRUE(target.ok());
    file.FailAt(n * 101);
    bool ok = Write(*target.value(), 0, 2400 << 10, 1).ok();
    ok = ok && target.value()->WriteZeroes(100 << 10, 200 << 10, true).ok();
    ok = ok && Write(*target.value(), 3000 << 10, 300 << 10, 2).ok();
    finished = ok && target.value()->Finish().ok();
    ExpectCounted(file);
  }
}

TEST(Qcow2Writer, RefusesOptionsThatDoNotGoTogether) {
  CreateOptions options = OfSize(1 << 20);
  EXPECT_TRUE(Qcow2().validate(options).ok());
  options.qcow2.extended_l2 = true;
  options.qcow2.cluster_size = 8192;
  EXPECT_EQ(Qcow2().validate(options).error().fault,
            Fault::kQcow2CreateExtendedL2Cluster);
  options = OfSize(uint64_t{129} << 30);
  options.qcow2.cluster_size = 512;
  EXPECT_EQ(Qcow2().validate(options).error().fault, Fault::kSizeTooLarge);
  const std::vector<uint8_t> name(1024, 'n');
  options = OfSize(1 << 20);
  options.backing_file = ByteView(name.data(), name.size());
  EXPECT_EQ(Qcow2().validate(options).error().fault,
            Fault::kQcow2CreateBackingNameTooLong);
}

TEST(Qcow2Writer, RefusesAnImageThatIsMarkedCorrupt) {
  MemoryFile file;
  ASSERT_TRUE(Create(file, OfSize(1 << 20)).ok());
  file.bytes()[HeaderLayout::kIncompatibleFeatures.offset + 7] =
      kIncompatibleCorrupt;
  Memory memory;
  const auto target =
      Qcow2().open(memory.arena, {.file = &file}, nullptr, nullptr);
  ASSERT_FALSE(target.ok());
  EXPECT_EQ(target.error().fault, Fault::kQcow2ImageCorrupt);
}

TEST(Qcow2Writer, RefusesL2TablesThatAreNotAligned) {
  MemoryFile file;
  ASSERT_TRUE(Create(file, OfSize(1 << 20)).ok());
  file.bytes()[3 * 65536] = 0x80;
  file.bytes()[3 * 65536 + 6] = 0x02;
  Memory memory;
  const auto target =
      Qcow2().open(memory.arena, {.file = &file}, nullptr, nullptr);
  ASSERT_TRUE(target.ok());
  const auto extent = target.value()->Allocate(0, 512);
  ASSERT_FALSE(extent.ok());
  EXPECT_EQ(extent.error().fault, Fault::kQcow2L2TableUnaligned);
}

}  // namespace
}  // namespace instar::qcow2
