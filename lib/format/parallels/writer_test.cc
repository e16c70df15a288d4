#include <gtest/gtest.h>

#include <cstdint>

#include "lib/format/parallels/layout.h"
#include "lib/format/target.h"
#include "tests/support/memory_file.h"
#include "tests/support/new_image.h"

namespace instar::parallels {
namespace {

using fakes::At;
using fakes::ImageMemory;
using fakes::MemoryFile;
using fakes::OfSize;

Status Create(MemoryFile& file, const CreateOptions& options) {
  return fakes::CreateImage("parallels", file, options);
}

Result<Target*> Open(ImageMemory& memory, MemoryFile& file) {
  return fakes::OpenImage("parallels", memory, file);
}

constexpr uint64_t kCluster = 1 << 20;

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
  ImageMemory memory;
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
  ImageMemory memory;
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
  ImageMemory memory;
  const auto target = Open(memory, file);
  ASSERT_TRUE(target.ok());
  ASSERT_TRUE(target.value()->Allocate(0, 512).ok());
  ASSERT_TRUE(target.value()->Finish().ok());
  EXPECT_EQ(file.size(), 2 * kCluster);
  EXPECT_EQ(At<Le32>(file, kCluster + 512), 0) << "the rest reads as zeroes";
}

}  // namespace
}  // namespace instar::parallels
