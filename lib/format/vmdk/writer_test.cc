// Images made and written by the Writer, read back by the Reader.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "lib/format/chain.h"
#include "lib/format/target.h"
#include "lib/format/vmdk/disk.h"
#include "lib/format/vmdk/layout.h"
#include "lib/format/vmdk/vmdk_target.h"
#include "lib/format/writers.h"
#include "tests/support/fake_opener.h"
#include "tests/support/memory_file.h"
#include "tests/support/test_arena.h"

namespace instar::vmdk {
namespace {

constexpr uint64_t kMib = 1 << 20;
constexpr uint64_t kGrainBytes = 64 * 1024;
constexpr uint64_t kArenaBytes = 8 << 20;

const Writer& Vmdk() {
  return *FindWriter(ByteView::Of("vmdk"));
}

class VmdkWriterTest : public ::testing::Test {
 protected:
  CreateOptions OfSize(uint64_t size) {
    CreateOptions options;
    options.size = size;
    options.random = ByteView(random_.data(), random_.size());
    options.vmdk.file_name = ByteView::Of("disk.vmdk");
    return options;
  }
  TargetFiles Files(fakes::MemoryFile& file) {
    return {.file = &file,
            .opener = &opener_,
            .random = ByteView(random_.data(), random_.size())};
  }
  Status Create(fakes::MemoryFile& file, const CreateOptions& options) {
    return Vmdk().create(arena_.arena(), Files(file), options);
  }
  Result<Target*> Open(fakes::MemoryFile& file, Image* backing = nullptr) {
    return Vmdk().open(arena_.arena(), Files(file), backing, nullptr);
  }
  Image& Read(fakes::MemoryFile& file) {
    return *OpenImage(arena_.arena(), file, ByteView::Of("vmdk"), {}, opener_,
                      {})
                .value();
  }
  static std::string TextOf(fakes::MemoryFile& file, uint64_t offset) {
    const auto start = file.bytes().begin() + static_cast<int64_t>(offset);
    return {start, std::find(start, file.bytes().end(), 0)};
  }

  std::vector<uint8_t> random_ = {0x78, 0x56, 0x34, 0x12, 0xef, 0xcd, 0xab, 0};
  fakes::TestArena arena_{kArenaBytes};
  fakes::FakeOpener opener_;
};

Status Write(Target& target, uint64_t offset, uint64_t length) {
  const std::vector<uint8_t> data(length, 'x');
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

TEST_F(VmdkWriterTest, AnEmptyImageHasItsTablesAndNoGrain) {
  fakes::MemoryFile file;
  ASSERT_TRUE(Create(file, OfSize(64 * kMib)).ok());
  EXPECT_EQ(file.size(), kGrainBytes);
  Image& image = Read(file);
  EXPECT_EQ(image.virtual_size(), 64 * kMib);
  EXPECT_EQ(image.facts().vmdk->cid, 0x12345678U);
  EXPECT_EQ(image.Locate(0, kMib, true).value().flags, 0U);
  EXPECT_NE(TextOf(file, kEmbeddedDescriptorOffset)
                .find("RW 131072 SPARSE \"disk.vmdk\"\n"),
            std::string::npos);
}

TEST_F(VmdkWriterTest, GrainsAreAddedInTheOrderOfTheWrites) {
  fakes::MemoryFile file;
  ASSERT_TRUE(Create(file, OfSize(64 * kMib)).ok());
  Target& target = *Open(file).value();
  ASSERT_TRUE(Write(target, 40 * kMib, 512).ok());
  ASSERT_TRUE(Write(target, kGrainBytes - 512, 1024).ok());
  ASSERT_TRUE(target.Finish().ok());
  EXPECT_EQ(file.size(), 4 * kGrainBytes);
  Image& image = Read(file);
  EXPECT_EQ(image.Locate(40 * kMib, 512, true).value().host_offset,
            kGrainBytes);
  EXPECT_EQ(image.Locate(0, 512, true).value().host_offset, 2 * kGrainBytes);
  EXPECT_EQ(image.Locate(kGrainBytes, 512, true).value().host_offset,
            3 * kGrainBytes);
}

TEST_F(VmdkWriterTest, BothCopiesOfATableAreWritten) {
  fakes::MemoryFile file;
  ASSERT_TRUE(Create(file, OfSize(kMib)).ok());
  Target& target = *Open(file).value();
  ASSERT_TRUE(Write(target, 0, kGrainBytes).ok());
  ASSERT_TRUE(target.Finish().ok());
  constexpr uint64_t kSecondTable = 22 * kSectorBytes;
  constexpr uint64_t kTable = 27 * kSectorBytes;
  EXPECT_EQ(file.bytes()[kSecondTable], 128);
  EXPECT_EQ(file.bytes()[kTable], 128);
}

TEST_F(VmdkWriterTest, TheFirstWriteChangesTheContentId) {
  fakes::MemoryFile file;
  ASSERT_TRUE(Create(file, OfSize(kMib)).ok());
  Target& target = *Open(file).value();
  ASSERT_TRUE(Write(target, 0, 512).ok());
  ASSERT_TRUE(target.Finish().ok());
  EXPECT_EQ(Read(file).facts().vmdk->cid, 0xabcdefU);
}

TEST_F(VmdkWriterTest, ZeroesAreEntriesWhereTheFormatHasThem) {
  fakes::MemoryFile file;
  CreateOptions options = OfSize(kMib);
  options.vmdk.zeroed_grain = true;
  ASSERT_TRUE(Create(file, options).ok());
  Target& target = *Open(file).value();
  ASSERT_TRUE(target.WriteZeroes(0, 2 * kGrainBytes, true).ok());
  ASSERT_TRUE(target.Finish().ok());
  EXPECT_EQ(file.size(), kGrainBytes);
  EXPECT_NE(Read(file).Locate(0, kMib, true).value().flags & kExtentZero, 0U);
}

TEST_F(VmdkWriterTest, ASplitImageIsInFilesNamedAfterIt) {
  fakes::MemoryFile file;
  fakes::MemoryFile first;
  fakes::MemoryFile second;
  opener_.Add("disk-s001.vmdk", first);
  opener_.Add("disk-s002.vmdk", second);
  CreateOptions options = OfSize((uint64_t{2} << 30) + 1);
  options.vmdk.subformat = VmdkSubformat::kTwoGbMaxExtentSparse;
  ASSERT_TRUE(Create(file, options).ok());
  EXPECT_NE(TextOf(file, 0).find("RW 4194304 SPARSE \"disk-s001.vmdk\"\n"
                                 "RW 1 SPARSE \"disk-s002.vmdk\"\n"),
            std::string::npos);
  Target& target = *Open(file).value();
  ASSERT_TRUE(Write(target, (uint64_t{2} << 30) - 512, 1024).ok());
  ASSERT_TRUE(target.Finish().ok());
  EXPECT_EQ(first.size(), 6 * kGrainBytes);
  EXPECT_EQ(second.size(), 2 * kGrainBytes);
}

TEST_F(VmdkWriterTest, AGrainWrittenInPartTakesTheRestFromTheParent) {
  fakes::MemoryFile below;
  ASSERT_TRUE(Create(below, OfSize(kMib)).ok());
  Target& base = *Open(below).value();
  ASSERT_TRUE(Write(base, 0, kGrainBytes).ok());
  ASSERT_TRUE(base.Finish().ok());
  opener_.Add("below.vmdk", below);

  fakes::MemoryFile file;
  CreateOptions options = OfSize(kMib);
  options.backing_file = ByteView::Of("below.vmdk");
  ASSERT_TRUE(Create(file, options).ok());
  Image& parent = Read(below);
  Target& target = *Open(file, &parent).value();
  ASSERT_TRUE(target.Allocate(512, 512).ok());
  ASSERT_TRUE(target.Finish().ok());
  EXPECT_EQ(file.bytes()[kGrainBytes], 'x');
  EXPECT_EQ(file.bytes()[kGrainBytes + 512], 0);
  EXPECT_EQ(file.bytes()[2 * kGrainBytes - 1], 'x');
}

TEST_F(VmdkWriterTest, AParentThatChangedIsNotCopiedFrom) {
  fakes::MemoryFile below;
  ASSERT_TRUE(Create(below, OfSize(kMib)).ok());
  opener_.Add("below.vmdk", below);
  fakes::MemoryFile file;
  CreateOptions options = OfSize(kMib);
  options.backing_file = ByteView::Of("below.vmdk");
  ASSERT_TRUE(Create(file, options).ok());
  Target& base = *Open(below).value();
  ASSERT_TRUE(Write(base, 0, 512).ok());
  ASSERT_TRUE(base.Finish().ok());
  Image& parent = Read(below);
  Target& target = *Open(file, &parent).value();
  EXPECT_FALSE(target.Allocate(0, 512).ok());
}

TEST_F(VmdkWriterTest, APackedGrainStandsBehindItsMarker) {
  fakes::MemoryFile file;
  CreateOptions options = OfSize(kMib + 512);
  options.vmdk.subformat = VmdkSubformat::kStreamOptimized;
  ASSERT_TRUE(Create(file, options).ok());
  auto cache = BlockCache::Create(arena_.arena(), file, 1);
  const auto disk = OpenDisk(arena_.arena(), cache.value(), file, opener_);
  VmdkTarget target(LayerCopy(arena_.arena(), nullptr), file, nullptr,
                    disk.value(), {});
  ASSERT_TRUE(target.Init(arena_.arena()).ok());
  uint8_t bytes[GrainMarkerLayout::kSize];
  const MutableBytes marker(bytes, sizeof bytes);
  const auto first = target.AllocatePacked(kGrainBytes, 600, marker);
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(first.value().host_offset, kGrainBytes);
  EXPECT_EQ(first.value().length, 2 * kSectorBytes);
  ASSERT_TRUE(file.WriteAt(kGrainBytes, marker.view()).ok());
  const auto last = target.AllocatePacked(kMib, 20, marker);
  ASSERT_TRUE(last.ok());
  EXPECT_EQ(last.value().host_offset, kGrainBytes + 2 * kSectorBytes);
  EXPECT_FALSE(target.AllocatePacked(kGrainBytes + 512, 20, marker).ok());
  EXPECT_EQ(target.AllocatePacked(kMib, 20, marker).error().fault,
            Fault::kVmdkGrainWritten);
  ASSERT_TRUE(target.Finish().ok());
  EXPECT_EQ(file.size(), kGrainBytes + 3 * kSectorBytes);
  const Extent grain = Read(file).Locate(kGrainBytes, kMib, false).value();
  EXPECT_EQ(grain.stored_bytes, 2 * kSectorBytes);
}

TEST_F(VmdkWriterTest, ADescriptorThatDoesNotFitIsRefused) {
  fakes::MemoryFile file;
  CreateOptions options = OfSize(kMib);
  const std::string version(11000, '7');
  options.vmdk.hardware_version = ByteView::OfString(version.c_str());
  EXPECT_EQ(Create(file, options).error().fault,
            Fault::kVmdkDescriptorTooLarge);
}

}  // namespace
}  // namespace instar::vmdk
