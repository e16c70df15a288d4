#include <gtest/gtest.h>

#include <cstdint>

#include "lib/format/qed/layout.h"
#include "lib/format/target.h"
#include "tests/support/memory_file.h"
#include "tests/support/new_image.h"

namespace instar::qed {
namespace {

using fakes::At;
using fakes::ImageMemory;
using fakes::MemoryFile;
using fakes::OfSize;

Status Create(MemoryFile& file, const CreateOptions& options) {
  return fakes::CreateImage("qed", file, options);
}

Result<Target*> Open(ImageMemory& memory, MemoryFile& file) {
  return fakes::OpenImage("qed", memory, file);
}

constexpr uint64_t kCluster = 65536;

TEST(QedWriter, RefusesSizesThatTwoTablesCannotMap) {
  MemoryFile file;
  const Status status = Create(file, OfSize((uint64_t{64} << 40) + 512));
  EXPECT_EQ(status.error().fault, Fault::kQedCreateSize);
  EXPECT_EQ(status.error().value, uint64_t{64} << 40);
  EXPECT_EQ(file.size(), 0);
}

TEST(QedWriter, PutsANewTableBehindTheClustersThatNeedIt) {
  MemoryFile file;
  ASSERT_TRUE(Create(file, OfSize(1 << 30)).ok());
  EXPECT_EQ(file.size(), 5 * kCluster);
  ImageMemory memory;
  const auto target = Open(memory, file);
  ASSERT_TRUE(target.ok());
  const auto extent = target.value()->Allocate(3 * kCluster, 2 * kCluster);
  ASSERT_TRUE(extent.ok());
  EXPECT_EQ(extent.value().length, 2 * kCluster);
  EXPECT_EQ(extent.value().host_offset, 5 * kCluster);
  ASSERT_TRUE(target.value()->Finish().ok());
  const uint64_t table = At<Le64>(file, kCluster);
  EXPECT_EQ(table, 7 * kCluster);
  EXPECT_EQ(At<Le64>(file, table + 3 * 8), 5 * kCluster);
  EXPECT_EQ(At<Le64>(file, table + 4 * 8), 6 * kCluster);
  EXPECT_EQ(file.size(), 11 * kCluster);
}

TEST(QedWriter, AsksForACheckOnlyWhileItWrites) {
  MemoryFile file;
  ASSERT_TRUE(Create(file, OfSize(1 << 30)).ok());
  ImageMemory memory;
  const auto target = Open(memory, file);
  ASSERT_TRUE(target.ok());
  const uint64_t features = HeaderLayout::kFeatures.offset;
  EXPECT_EQ(At<Le64>(file, features), 0);
  ASSERT_TRUE(target.value()->Allocate(0, 512).ok());
  EXPECT_EQ(At<Le64>(file, features), kNeedCheck);
  ASSERT_TRUE(target.value()->Finish().ok());
  EXPECT_EQ(At<Le64>(file, features), 0);
}

TEST(QedWriter, MarksOnlyWholeClustersAsZero) {
  MemoryFile file;
  ASSERT_TRUE(Create(file, OfSize(1 << 30)).ok());
  ImageMemory memory;
  const auto target = Open(memory, file);
  ASSERT_TRUE(target.ok());
  ASSERT_TRUE(target.value()->WriteZeroes(512, 2 * kCluster, false).ok());
  ASSERT_TRUE(target.value()->Finish().ok());
  const uint64_t table = At<Le64>(file, kCluster);
  EXPECT_EQ(At<Le64>(file, table), 5 * kCluster);
  EXPECT_EQ(At<Le64>(file, table + 8), kZeroCluster);
  EXPECT_GT(At<Le64>(file, table + 16), table);
}

TEST(QedWriter, AnImageThatNeedsACheckIsNotWritten) {
  MemoryFile file;
  ASSERT_TRUE(Create(file, OfSize(1 << 30)).ok());
  file.bytes()[HeaderLayout::kFeatures.offset] = kNeedCheck;
  ImageMemory memory;
  const auto target = Open(memory, file);
  ASSERT_FALSE(target.ok());
  EXPECT_EQ(target.error().fault, Fault::kNeedsRepair);
}

}  // namespace
}  // namespace instar::qed
