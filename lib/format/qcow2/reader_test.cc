// The qcow2 reader as callers see it: facts, extents, lists.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "lib/format/chain.h"
#include "lib/format/qcow2/layout.h"
#include "tests/support/fake_opener.h"
#include "tests/support/memory_file.h"
#include "tests/support/qcow2_seed.h"
#include "tests/support/test_arena.h"

namespace instar::qcow2 {
namespace {

using fakes::Qcow2Seed;

constexpr uint64_t kCluster = 4096;
constexpr uint32_t kData = kExtentData | kExtentAllocated | kExtentOffset;
constexpr uint32_t kZero = kExtentZero | kExtentAllocated;

std::string ToString(ByteView text) {
  return {text.data(), text.data() + text.size()};
}

class Collector final : public FactsVisitor {
 public:
  Status OnSnapshot(const SnapshotFacts& snapshot) override {
    lines.push_back(ToString(snapshot.id) + ":" + ToString(snapshot.name) +
                    ":" + std::to_string(snapshot.vm_state_size) + ":" +
                    std::to_string(snapshot.icount));
    return {};
  }
  Status OnBitmap(const BitmapFacts& bitmap) override {
    lines.push_back(
        ToString(bitmap.name) + ":" + std::to_string(bitmap.granularity) +
        (bitmap.in_use ? ":in-use" : "") + (bitmap.automatic ? ":auto" : ""));
    return {};
  }

  std::vector<std::string> lines;
};

class ReaderTest : public ::testing::Test {
 protected:
  // The image in `seed`, opened; null where that fails, with error() set.
  Image* Open(Qcow2Seed& seed, const OpenOptions& options = {}) {
    file_.bytes() = seed.bytes();
    const auto image = OpenImage(arena_.arena(), file_, ByteView::Of("qcow2"),
                                 {}, opener_, options);
    error_ = image.ok() ? Error{} : image.error();
    return image.ok() ? image.value() : nullptr;
  }
  Fault OpenFault(Qcow2Seed& seed, const OpenOptions& options = {}) {
    Open(seed, options);
    return error_.fault;
  }
  const Error& error() const { return error_; }

  fakes::TestArena arena_;
  fakes::MemoryFile file_;
  fakes::FakeOpener opener_;

 private:
  Error error_;
};

void ExpectExtent(Image& image, uint64_t offset, uint64_t length,
                  uint32_t flags, uint64_t host_offset = 0) {
  const auto extent = image.Locate(offset, image.virtual_size(), false);
  ASSERT_TRUE(extent.ok());
  EXPECT_EQ(extent.value().length, length) << "at " << offset;
  EXPECT_EQ(extent.value().flags & ~uint32_t{kExtentEof}, flags)
      << "at " << offset;
  EXPECT_EQ(extent.value().host_offset, host_offset) << "at " << offset;
}

TEST_F(ReaderTest, JoinsClustersOfOneKindThatFollowEachOther) {
  Qcow2Seed seed;
  seed.PutL2Entry(0, kEntryCopied | 8 * kCluster);
  seed.PutL2Entry(1, kEntryCopied | 9 * kCluster);
  seed.PutL2Entry(2, kEntryCopied | 11 * kCluster);
  seed.PutL2Entry(3, kEntryZero);
  seed.PutL2Entry(4, kEntryZero);
  seed.PutL2Entry(5, kEntryZero | 12 * kCluster);
  Image* image = Open(seed);
  ASSERT_NE(image, nullptr);
  ExpectExtent(*image, 0, 2 * kCluster, kData, 8 * kCluster);
  ExpectExtent(*image, 100, 2 * kCluster - 100, kData, 8 * kCluster + 100);
  ExpectExtent(*image, 2 * kCluster, kCluster, kData, 11 * kCluster);
  ExpectExtent(*image, 3 * kCluster, 2 * kCluster, kZero);
  ExpectExtent(*image, 5 * kCluster, kCluster, kZero | kExtentOffset,
               12 * kCluster);
  ExpectExtent(*image, 6 * kCluster, 58 * kCluster, 0);
}

TEST_F(ReaderTest, ClampsToWhatIsAskedAndMarksTheEnd) {
  Qcow2Seed seed;
  seed.Put(24, 63 * kCluster + 512, 8);
  Image* image = Open(seed);
  ASSERT_NE(image, nullptr);
  EXPECT_EQ(image->Locate(0, 700, false).value().length, 700u);
  const Extent last = image->Locate(63 * kCluster, 1 << 20, false).value();
  EXPECT_EQ(last.length, 512u);
  EXPECT_NE(last.flags & kExtentEof, 0u);
  const Extent past = image->Locate(64 * kCluster, 1, false).value();
  EXPECT_EQ(past.length, 0u);
  EXPECT_NE(past.flags & kExtentEof, 0u);
}

TEST_F(ReaderTest, NeverLeavesASliceOfAnL2Table) {
  Qcow2Seed seed(9);  // a table of 64 entries maps 32 KiB
  seed.Put(24, 64 * 1024, 8);
  seed.Put(36, 2, 4);
  Image* image = Open(seed);
  ASSERT_NE(image, nullptr);
  ExpectExtent(*image, 0, 32 * 1024, 0);
  ExpectExtent(*image, 512, 32 * 1024 - 512, 0);
}

TEST_F(ReaderTest, GivesCompressedClustersOneByOne) {
  Qcow2Seed seed;
  // 4 bits of length in sectors, less one; then the offset.
  const uint64_t shift = 62 - (12 - 8);
  seed.PutL2Entry(0, kEntryCompressed | uint64_t{2} << shift | 0x8105);
  seed.PutL2Entry(1, kEntryCompressed | 0x9000);
  Image* image = Open(seed);
  ASSERT_NE(image, nullptr);
  const Extent extent = image->Locate(10, 1 << 20, false).value();
  EXPECT_EQ(extent.length, kCluster - 10);
  EXPECT_EQ(extent.flags, kExtentData | kExtentAllocated | kExtentCompressed);
  EXPECT_EQ(extent.host_offset, 0x8105u);
  EXPECT_EQ(extent.stored_bytes, 3 * 512 - 0x105u);
  EXPECT_EQ(extent.cluster_offset, 10u);
}

TEST_F(ReaderTest, FollowsSubclustersOfExtendedL2Entries) {
  Qcow2Seed seed(14);
  seed.Put(72, kIncompatibleExtendedL2, 8);
  const uint64_t cluster = seed.cluster_size();
  const uint64_t offset = 8 * cluster;
  // 0…3 data, 4…7 zero, the others unallocated.
  seed.PutExtendedL2Entry(0, kEntryCopied | offset,
                          uint64_t{0xf0} << 32 | 0x0f);
  seed.PutExtendedL2Entry(1, 0, uint64_t{1} << 63);
  // 31 data; goes on in the next cluster.
  seed.PutExtendedL2Entry(2, kEntryCopied | (9 * cluster), uint64_t{1} << 31);
  seed.PutExtendedL2Entry(3, kEntryCopied | (10 * cluster), 1);
  Image* image = Open(seed);
  ASSERT_NE(image, nullptr);
  ExpectExtent(*image, 0, 2048, kData, offset);
  ExpectExtent(*image, 2048, 2048, kZero | kExtentOffset, offset + 2048);
  ExpectExtent(*image, 4096, cluster - 4096, kExtentOffset, offset + 4096);
  ExpectExtent(*image, cluster, cluster - 512, 0);
  ExpectExtent(*image, 2 * cluster - 512, 512, kZero);
  ExpectExtent(*image, 3 * cluster - 512, 1024, kData, 10 * cluster - 512);
}

TEST_F(ReaderTest, RefusesCorruptEntries) {
  struct Case {
    uint64_t word;
    uint32_t version;
    Fault fault;
  };
  const Case cases[] = {
      {8 * kCluster + 512, 3, Fault::kQcow2ClusterUnaligned},
      {kEntryZero, 2, Fault::kQcow2ZeroEntryInV2},
  };
  for (const Case& c : cases) {
    Qcow2Seed seed(12, c.version);
    seed.PutL2Entry(3, c.word);
    Image* image = Open(seed);
    ASSERT_NE(image, nullptr);
    const auto extent = image->Locate(3 * kCluster, 1, false);
    ASSERT_FALSE(extent.ok());
    EXPECT_EQ(extent.error().fault, c.fault);
    EXPECT_EQ(extent.error().value2, 2 * kCluster);
    EXPECT_EQ(extent.error().value3, 3u);
  }
}

TEST_F(ReaderTest, RefusesAnUnalignedL2Table) {
  Qcow2Seed seed;
  seed.Put(kCluster, 2 * kCluster + 512, 8);
  Image* image = Open(seed);
  ASSERT_NE(image, nullptr);
  const auto extent = image->Locate(0, 1, false);
  ASSERT_FALSE(extent.ok());
  EXPECT_EQ(extent.error().fault, Fault::kQcow2L2TableUnaligned);
}

TEST_F(ReaderTest, RefusesSubclustersThatAreBothZeroAndData) {
  Qcow2Seed seed(14);
  seed.Put(72, kIncompatibleExtendedL2, 8);
  seed.PutExtendedL2Entry(0, kEntryCopied | (8 << 14),
                          uint64_t{1} << 32 | uint64_t{1});
  Image* image = Open(seed);
  ASSERT_NE(image, nullptr);
  const auto extent = image->Locate(0, 1, false);
  ASSERT_FALSE(extent.ok());
  EXPECT_EQ(extent.error().fault, Fault::kQcow2InvalidSubclusters);
}

TEST_F(ReaderTest, AsksTheHostOnlyAboutImagesWithPreallocatedMetadata) {
  Qcow2Seed seed;
  seed.PutL2Entry(0, kEntryCopied | 8 * kCluster);
  seed.PutL2Entry(1, kEntryCopied | 9 * kCluster);
  file_.AddHole(9 * kCluster, kCluster);
  Image* image = Open(seed);
  ASSERT_NE(image, nullptr);
  const Extent whole = image->Locate(0, 1 << 20, true).value();
  EXPECT_EQ(whole.length, 2 * kCluster);

  file_.set_allocated(4 * kCluster);
  image = Open(seed);
  ASSERT_NE(image, nullptr);
  const Extent data = image->Locate(0, 1 << 20, true).value();
  EXPECT_EQ(data.length, kCluster);
  EXPECT_EQ(data.flags, kData);
  const Extent hole = image->Locate(kCluster, 1 << 20, true).value();
  EXPECT_EQ(hole.length, kCluster);
  EXPECT_EQ(hole.flags, kData | kExtentZero);
  ExpectExtent(*image, 0, 2 * kCluster, kData, 8 * kCluster);
}

TEST_F(ReaderTest, ReadsDataFromAnExternalFileAtTheGuestsOffset) {
  Qcow2Seed seed;
  seed.Put(72, kIncompatibleDataFile, 8);
  seed.Put(88, kAutoclearRawDataFile, 8);
  seed.AddExtension(kExtensionDataFile, {'d', '.', 'r', 'a', 'w'});
  seed.PutL2Entry(0, kEntryCopied);
  seed.PutL2Entry(1, kEntryCopied | kCluster);
  seed.PutL2Entry(2, kEntryCopied | 5 * kCluster);
  EXPECT_EQ(OpenFault(seed), Fault::kReference);
  Image* closed = Open(seed, {.open_data_file = false});
  ASSERT_NE(closed, nullptr);
  EXPECT_EQ(closed->facts().data_file, nullptr);

  fakes::MemoryFile data(std::vector<uint8_t>(8 * kCluster), 1);
  opener_.Add("d.raw", data);
  Image* image = Open(seed);
  ASSERT_NE(image, nullptr);
  EXPECT_EQ(ToString(image->facts().qcow2->data_file), "d.raw");
  EXPECT_TRUE(image->facts().qcow2->data_file_raw);
  const Extent extent = image->Locate(0, 2 * kCluster, false).value();
  EXPECT_EQ(extent.length, 2 * kCluster);
  EXPECT_EQ(extent.flags, kData);
  EXPECT_EQ(extent.file, &data);
  const auto elsewhere = image->Locate(2 * kCluster, 1, false);
  ASSERT_FALSE(elsewhere.ok());
  EXPECT_EQ(elsewhere.error().fault, Fault::kQcow2DataFileMapping);
}

TEST_F(ReaderTest, NeedsANameForAnExternalFile) {
  Qcow2Seed seed;
  seed.Put(72, kIncompatibleDataFile, 8);
  EXPECT_EQ(OpenFault(seed), Fault::kQcow2DataFileMissing);
}

TEST_F(ReaderTest, TellsOfTheBackingFile) {
  Qcow2Seed seed;
  seed.AddExtension(kExtensionBackingFormat, {'r', 'a', 'w'});
  seed.SetBackingFile("base.img");
  Image* image = Open(seed);
  ASSERT_NE(image, nullptr);
  EXPECT_TRUE(image->facts().has_backing_file);
  EXPECT_EQ(ToString(image->facts().backing_file), "base.img");
  EXPECT_EQ(ToString(image->facts().backing_format), "raw");
}

TEST_F(ReaderTest, RefusesBadExtensions) {
  const std::vector<uint8_t> long_format(16, 'x');
  Qcow2Seed format;
  format.AddExtension(kExtensionBackingFormat, long_format);
  EXPECT_EQ(OpenFault(format), Fault::kQcow2BackingFormatTooLong);
  EXPECT_EQ(error().value, 16u);

  Qcow2Seed too_large;
  too_large.AddExtension(0x1234, {1});
  too_large.Put(108, kCluster, 4);
  EXPECT_EQ(OpenFault(too_large), Fault::kQcow2ExtensionTooLarge);

  Qcow2Seed crypto;
  crypto.AddExtension(kExtensionEncryption, std::vector<uint8_t>(16));
  EXPECT_EQ(OpenFault(crypto), Fault::kQcow2CryptoUnexpected);

  Qcow2Seed unknown;
  unknown.AddExtension(0x1234, {1, 2, 3});
  EXPECT_EQ(OpenFault(unknown), Fault::kNone);
}

TEST_F(ReaderTest, GivesFactsButNoDataOfEncryptedImages) {
  Qcow2Seed seed;
  seed.Put(32, kCryptAes, 4);
  EXPECT_EQ(OpenFault(seed), Fault::kQcow2KeyRequired);
  Image* image = Open(seed, {.info_only = true});
  ASSERT_NE(image, nullptr);
  EXPECT_TRUE(image->facts().encrypted);
  seed.Put(32, kCryptLuks, 4);
  EXPECT_EQ(OpenFault(seed), Fault::kQcow2CryptoMissing);
}

TEST_F(ReaderTest, ListsSnapshotsAndBitmaps) {
  Qcow2Seed seed;
  seed.AddSnapshot("1", "before");
  seed.AddSnapshot("22", "after");
  seed.AddBitmap("nightly", 0);
  seed.AddBitmap("broken", kBitmapInUse | kBitmapAuto);
  Image* image = Open(seed);
  ASSERT_NE(image, nullptr) << static_cast<int>(error().fault);
  Collector collector;
  ASSERT_TRUE(image->List(collector).ok());
  const std::vector<std::string> expected = {
      "1:before:5000000000:9", "22:after:5000000000:9", "nightly:65536",
      "broken:65536:in-use:auto"};
  EXPECT_EQ(collector.lines, expected);
}

TEST_F(ReaderTest, DistrustsBitmapsOnceAnotherProgramWroteTheImage) {
  Qcow2Seed seed;
  seed.AddBitmap("nightly", 0);
  seed.Put(88, 0, 8);
  Image* image = Open(seed);
  ASSERT_NE(image, nullptr);
  EXPECT_TRUE(image->facts().qcow2->stale_bitmaps);
  EXPECT_FALSE(image->facts().qcow2->has_bitmaps);
  Collector collector;
  ASSERT_TRUE(image->List(collector).ok());
  EXPECT_TRUE(collector.lines.empty());
}

TEST_F(ReaderTest, RefusesDamagedSnapshotsAndBitmaps) {
  const auto with_bitmap = [](uint64_t at, uint64_t value, uint64_t size) {
    Qcow2Seed seed;
    seed.AddBitmap("b", 0);
    seed.Put(at, value, size);
    return seed;
  };
  const uint64_t directory = 6 * kCluster;
  Qcow2Seed granularity = with_bitmap(directory + 17, 8, 1);
  EXPECT_EQ(OpenFault(granularity), Fault::kQcow2BitmapConstraints);
  Qcow2Seed extra = with_bitmap(directory + 20, 1, 4);
  EXPECT_EQ(OpenFault(extra), Fault::kQcow2BitmapExtra);
  Qcow2Seed broken = with_bitmap(directory + 18, 9000, 2);
  EXPECT_EQ(OpenFault(broken), Fault::kQcow2BitmapDirectoryBroken);
  Qcow2Seed less = with_bitmap(112, 2, 4);
  EXPECT_EQ(OpenFault(less), Fault::kQcow2BitmapLess);
  Qcow2Seed table = with_bitmap(7 * kCluster, 2, 8);
  EXPECT_EQ(OpenFault(table), Fault::kQcow2BitmapTable);
  Qcow2Seed data = with_bitmap(directory + 8, 2, 4);
  EXPECT_EQ(OpenFault(data), Fault::kQcow2BitmapData);

  Qcow2Seed snapshot;
  snapshot.AddSnapshot("1", "s");
  snapshot.Put(5 * kCluster + 36, 1025, 4);
  EXPECT_EQ(OpenFault(snapshot), Fault::kQcow2SnapshotExtra);
}

TEST_F(ReaderTest, OpensForInfoWithFewReads) {
  Qcow2Seed seed(16);
  ASSERT_NE(Open(seed, {.info_only = true}), nullptr);
  EXPECT_LE(file_.log().size(), 2u);
}

}  // namespace
}  // namespace instar::qcow2
