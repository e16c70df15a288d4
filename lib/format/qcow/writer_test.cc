#include <gtest/gtest.h>

#include <cstdint>

#include "lib/format/qcow/layout.h"
#include "lib/format/target.h"
#include "tests/support/memory_file.h"
#include "tests/support/new_image.h"

namespace instar::qcow {
namespace {

using fakes::At;
using fakes::ImageMemory;
using fakes::MemoryFile;
using fakes::OfSize;

Status Create(MemoryFile& file, const CreateOptions& options) {
  return fakes::CreateImage("qcow", file, options);
}

Result<Target*> Open(ImageMemory& memory, MemoryFile& file) {
  return fakes::OpenImage("qcow", memory, file);
}

TEST(QcowWriter, RefusesAnEmptyDisk) {
  MemoryFile file;
  EXPECT_EQ(Create(file, OfSize(0)).error().fault, Fault::kQcowCreateEmpty);
}

TEST(QcowWriter, MakesClustersOfOneSectorAboveABackingFile) {
  MemoryFile file;
  CreateOptions options = OfSize(1 << 20);
  options.backing_file = ByteView::Of("base");
  ASSERT_TRUE(Create(file, options).ok());
  EXPECT_EQ(At<U8>(file, HeaderLayout::kClusterBits.offset), 9);
  EXPECT_EQ(At<Be64>(file, HeaderLayout::kL1TableOffset.offset), 56);
  EXPECT_EQ(file.size(), 56 + 512);
}

TEST(QcowWriter, TakesTheTableThenTheClustersFromTheEnd) {
  MemoryFile file;
  ASSERT_TRUE(Create(file, OfSize(1 << 30)).ok());
  ImageMemory memory;
  const auto target = Open(memory, file);
  ASSERT_TRUE(target.ok());
  const uint64_t start = (file.size() + 4095) / 4096 * 4096;
  const auto extent = target.value()->Allocate(4096, 8192);
  ASSERT_TRUE(extent.ok());
  EXPECT_EQ(extent.value().length, 8192);
  EXPECT_EQ(extent.value().host_offset, start + 4096);
  ASSERT_TRUE(target.value()->Finish().ok());
  EXPECT_EQ(At<Be64>(file, 48), start);
  EXPECT_EQ(At<Be64>(file, start), 0);
  EXPECT_EQ(At<Be64>(file, start + 8), start + 4096);
  EXPECT_EQ(At<Be64>(file, start + 16), start + 8192);
  EXPECT_EQ(file.size(), start + 3 * 4096);
}

TEST(QcowWriter, WritesInPlaceWhatIsThere) {
  MemoryFile file;
  ASSERT_TRUE(Create(file, OfSize(1 << 20)).ok());
  ImageMemory memory;
  const auto target = Open(memory, file);
  ASSERT_TRUE(target.ok());
  const auto first = target.value()->Allocate(0, 512);
  const auto second = target.value()->Allocate(512, 512);
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(second.value().host_offset, first.value().host_offset + 512);
}

TEST(QcowWriter, PacksToTheNextSectorWithTheLengthInTheEntry) {
  MemoryFile file;
  ASSERT_TRUE(Create(file, OfSize(1 << 20)).ok());
  ImageMemory memory;
  const auto target = Open(memory, file);
  ASSERT_TRUE(target.ok());
  const auto first = target.value()->AllocatePacked(0, 100, {});
  const auto second = target.value()->AllocatePacked(4096, 700, {});
  ASSERT_TRUE(first.ok() && second.ok());
  const uint64_t host = first.value().host_offset;
  EXPECT_EQ(host % 512, 0);
  EXPECT_EQ(first.value().length, 100);
  EXPECT_EQ(second.value().host_offset, host + 512);
  ASSERT_TRUE(target.value()->Finish().ok());
  const uint64_t table = At<Be64>(file, 48);
  EXPECT_EQ(At<Be64>(file, table),
            kEntryCompressed | uint64_t{100} << (63 - 12) | host);
  EXPECT_EQ(At<Be64>(file, table + 8),
            kEntryCompressed | uint64_t{700} << (63 - 12) | (host + 512));
  EXPECT_EQ(file.size(), host + 512 + 700);
}

TEST(QcowWriter, PackedClusterReplacesWhatIsThere) {
  MemoryFile file;
  ASSERT_TRUE(Create(file, OfSize(1 << 20)).ok());
  ImageMemory memory;
  const auto target = Open(memory, file);
  ASSERT_TRUE(target.ok());
  const auto plain = target.value()->Allocate(0, 4096);
  const auto packed = target.value()->AllocatePacked(0, 100, {});
  ASSERT_TRUE(plain.ok() && packed.ok());
  EXPECT_GE(packed.value().host_offset, plain.value().host_offset + 4096);
}

}  // namespace
}  // namespace instar::qcow
