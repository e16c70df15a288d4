#include "lib/format/measure.h"

#include <gtest/gtest.h>

#include "lib/format/chain.h"
#include "tests/support/fake_opener.h"
#include "tests/support/memory_file.h"
#include "tests/support/test_arena.h"

namespace instar {
namespace {

class MeasureTest : public ::testing::Test {
 protected:
  // A raw image of 1 MiB with data but for the two holes.
  Image& Source() {
    file_.bytes().assign(1 << 20, 1);
    file_.AddHole(4096, 131072 - 4096);
    file_.AddHole(135168, (1 << 20) - 135168);
    return *OpenImage(arena_.arena(), file_, ByteView::Of("raw"), {}, opener_,
                      {})
                .value();
  }
  static Measurement Measure(ByteView format, const MeasureOptions& options,
                             Image* source = nullptr) {
    const auto sizes = FindMeasurer(format)->measure(options, source);
    EXPECT_TRUE(sizes.ok());
    return sizes.ok() ? sizes.value() : Measurement{};
  }
  static Fault FaultOf(ByteView format, const MeasureOptions& options) {
    const auto sizes = FindMeasurer(format)->measure(options, nullptr);
    return sizes.ok() ? Fault::kNone : sizes.error().fault;
  }

  fakes::TestArena arena_;
  fakes::MemoryFile file_;
  fakes::FakeOpener opener_;
};

MeasureOptions OfSize(uint64_t size) {
  return {.create = {.size = size}};
}

constexpr uint64_t kGib = uint64_t{1} << 30;

TEST_F(MeasureTest, ABlockCountsOnceHoweverLittleItHolds) {
  Image& source = Source();
  EXPECT_EQ(CountDataBytes(source, 512).value(), 8192u);
  EXPECT_EQ(CountDataBytes(source, 65536).value(), 131072u);
  EXPECT_EQ(CountDataBytes(source, 1 << 20).value(), uint64_t{1} << 20);
}

TEST_F(MeasureTest, RawIsTheDiskInWholeSectors) {
  const ByteView raw = ByteView::Of("raw");
  EXPECT_EQ(Measure(raw, OfSize(1)).required, 512u);
  EXPECT_EQ(Measure(raw, OfSize(1)).fully_allocated, 512u);
  EXPECT_EQ(Measure(raw, {}, &Source()).required, uint64_t{1} << 20);
}

// Numbers that qemu-img printed.
TEST_F(MeasureTest, Qcow2HasItsTablesAndTheDataThatThereIs) {
  const ByteView qcow2 = ByteView::Of("qcow2");
  EXPECT_EQ(Measure(qcow2, OfSize(0)).required, 196608u);
  EXPECT_EQ(Measure(qcow2, OfSize(kGib)).required, 393216u);
  EXPECT_EQ(Measure(qcow2, OfSize(kGib)).fully_allocated, 1074135040u);
  MeasureOptions wide = OfSize(kGib);
  wide.create.qcow2.refcount_bits = 64;
  EXPECT_EQ(Measure(qcow2, wide).required, 524288u);
  MeasureOptions extended = OfSize(kGib);
  extended.create.qcow2.extended_l2 = true;
  EXPECT_EQ(Measure(qcow2, extended).required, 524288u);
  MeasureOptions full = OfSize(kGib);
  full.create.preallocation = Preallocation::kFull;
  EXPECT_EQ(Measure(qcow2, full).required, 1074135040u);
  EXPECT_EQ(Measure(qcow2, {}, &Source()).required, 327680u + 131072u);
  EXPECT_FALSE(Measure(qcow2, {}, &Source()).has_bitmaps);
}

TEST_F(MeasureTest, Qcow2TakesNoMoreThanItsL1TableMaps) {
  const ByteView qcow2 = ByteView::Of("qcow2");
  MeasureOptions options = OfSize(128 * kGib);
  options.create.qcow2.cluster_size = 512;
  EXPECT_EQ(FaultOf(qcow2, options), Fault::kNone);
  options.create.size += 512;
  EXPECT_EQ(FaultOf(qcow2, options), Fault::kQcow2MeasureSize);
  EXPECT_EQ(FaultOf(qcow2, OfSize(~uint64_t{0})), Fault::kQcow2MeasureSize);
}

TEST_F(MeasureTest, Qcow2ChecksTheClusterSizeFirst) {
  const Measurer& qcow2 = *FindMeasurer(ByteView::Of("qcow2"));
  MeasureOptions options;
  options.create.qcow2.cluster_size = 3000;
  EXPECT_EQ(qcow2.check_clusters(options).error().fault,
            Fault::kQcow2CreateClusterSize);
  options.create.qcow2.refcount_bits = 3;
  EXPECT_EQ(qcow2.check_options(options).error().fault,
            Fault::kQcow2CreateRefcountBits);
  options.create.qcow2 = {.version = 2, .refcount_bits = 8};
  EXPECT_EQ(qcow2.check_options(options).error().fault,
            Fault::kQcow2MeasureRefcountVersion);
}

TEST_F(MeasureTest, BlockFormatsAreBounded) {
  for (const ByteView format : {ByteView::Of("vdi"), ByteView::Of("vpc"),
                                ByteView::Of("vhdx"), ByteView::Of("vmdk")}) {
    const Measurement empty = Measure(format, OfSize(kGib));
    EXPECT_LT(empty.required, 16u << 20);
    EXPECT_GT(empty.fully_allocated, kGib);
    MeasureOptions fixed = OfSize(kGib);
    fixed.layout.fixed = true;
    EXPECT_GT(Measure(format, fixed).required, kGib);
    EXPECT_NE(FaultOf(format, OfSize(uint64_t{1} << 63)), Fault::kNone);
  }
}

TEST_F(MeasureTest, OtherFormatsAreNotMeasured) {
  EXPECT_EQ(FindMeasurer(ByteView::Of("bochs")), nullptr);
}

}  // namespace
}  // namespace instar
