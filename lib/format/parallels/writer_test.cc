#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "lib/format/parallels/layout.h"
#include "lib/format/target.h"
#include "lib/format/writers.h"
#include "tests/support/memory_file.h"

namespace instar::parallels {
namespace {

using fakes::MemoryFile;

constexpr uint64_t kArenaBytes = 16 << 20;

// Memory for one image.
struct Memory {
  std::vector<uint8_t> bytes = std::vector<uint8_t>(kArenaBytes);
  Arena arena{MutableBytes(bytes.data(), bytes.size())};
};

const Writer& TheWriter() {
  return *FindWriter(ByteView::Of("parallels"));
}

Status Create(MemoryFile& file, const CreateOptions& options) {
  Memory memory;
  return TheWriter().create(memory.arena, {.file = &file}, options);
}

Result<Target*> Open(Memory& memory, MemoryFile& file) {
  return TheWriter().open(memory.arena, {.file = &file}, nullptr, nullptr);
}

template <typename F>
uint64_t At(MemoryFile& file, uint64_t offset) {
  const auto value =
      ByteView(file.bytes().data(), file.bytes().size()).At<F>(offset);
  return value.ok() ? value.value() : ~uint64_t{0};
}

constexpr uint64_t kCluster = 1 << 20;

CreateOptions OfSize(uint64_t size) {
  CreateOptions options;
  options.size = size;
  return options;
}

TEST(ParallelsWriter, RefusesMoreClustersThanTheTableCounts) {
  MemoryFile file;
  CreateOptions options = OfSize(uint64_t{512} << 32);
  options.cluster.cluster_size = 512;
  EXPECT_EQ(Create(file, options).error().fault, Fault::kParallelsCreateSize);
  options.cluster.cluster_size = uint64_t{2} << 30;
  EXPECT_EQ(Create(file, options).error().fault,
            Fault::kParallelsCreateClusterSize);
}

TEST(ParallelsWriter, LaysClustersInTheOrderOfTheWrites) {
  MemoryFile file;
  ASSERT_TRUE(Create(file, OfSize(8 << 20)).ok());
  EXPECT_EQ(file.size(), kCluster);
  Memory memory;
  const auto target = Open(memory, file);
  ASSERT_TRUE(target.ok());
  const auto last = target.value()->Allocate(7 * kCluster, 512);
  const auto first = target.value()->Allocate(512, kCluster);
  ASSERT_TRUE(last.ok() && first.ok());
  EXPECT_EQ(last.value().host_offset, kCluster);
  EXPECT_EQ(first.value().host_offset, 2 * kCluster + 512);
  EXPECT_EQ(first.value().length, kCluster);
  ASSERT_TRUE(target.value()->Finish().ok());
  EXPECT_EQ(At<Le32>(file, HeaderLayout::kSize), 2);
  EXPECT_EQ(At<Le32>(file, HeaderLayout::kSize + 4), 3);
  EXPECT_EQ(At<Le32>(file, HeaderLayout::kSize + 7 * 4), 1);
  EXPECT_EQ(file.size(), 4 * kCluster);
}

TEST(ParallelsWriter, IsInUseOnlyWhileItWrites) {
  MemoryFile file;
  ASSERT_TRUE(Create(file, OfSize(8 << 20)).ok());
  Memory memory;
  const auto target = Open(memory, file);
  ASSERT_TRUE(target.ok());
  const uint64_t mark = HeaderLayout::kInUse.offset;
  ASSERT_TRUE(target.value()->Allocate(0, 512).ok());
  EXPECT_EQ(At<Le32>(file, mark), kInUse);
  EXPECT_EQ(Open(memory, file).error().fault, Fault::kParallelsUnclean);
  ASSERT_TRUE(target.value()->Finish().ok());
  EXPECT_EQ(At<Le32>(file, mark), 0);
}

TEST(ParallelsWriter, CutsOffWhatNoEntryRefersTo) {
  MemoryFile file;
  ASSERT_TRUE(Create(file, OfSize(8 << 20)).ok());
  file.bytes().resize(5 * kCluster, 0xee);
  Memory memory;
  const auto target = Open(memory, file);
  ASSERT_TRUE(target.ok());
  ASSERT_TRUE(target.value()->Allocate(0, 512).ok());
  ASSERT_TRUE(target.value()->Finish().ok());
  EXPECT_EQ(file.size(), 2 * kCluster);
  EXPECT_EQ(At<Le32>(file, kCluster + 512), 0) << "the rest reads as zeroes";
}

}  // namespace
}  // namespace instar::parallels
