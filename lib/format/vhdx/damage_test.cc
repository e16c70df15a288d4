// Whatever a VHDX file holds, behind right checksums too, opening and reading
// it ends soon and tells the truth about lengths.
#include <gtest/gtest.h>

#include "lib/format/chain.h"
#include "lib/format/checker.h"
#include "tests/support/fake_opener.h"
#include "tests/support/memory_file.h"
#include "tests/support/test_arena.h"
#include "tests/support/vhdx_seed.h"

namespace instar::vhdx {
namespace {

using fakes::MemoryFile;
using fakes::VhdxSeed;

class Count final : public ProblemVisitor {
 public:
  Status OnProblem(const Error& /*problem*/) override {
    ++count;
    return {};
  }
  uint64_t count = 0;
};

struct Range {
  uint64_t offset;
  uint64_t length;
};

class DamageTest : public ::testing::TestWithParam<bool> {
 protected:
  static constexpr uint64_t kMaxSteps = 50;

  // Records of the image, as far as they hold anything.
  static std::vector<Range> Records() {
    return {{kHeaderOffsets[1], 80},
            {kRegionTableOffset, 16 + 2 * 32},
            {VhdxSeed::kMetadataOffset, 32 + 5 * 32},
            {VhdxSeed::kMetadataOffset + 0x10000, 5 * 16},
            {VhdxSeed::kBatOffset, 5 * 8},
            {VhdxSeed::kLogOffset, 64 + 3 * 32}};
  }

  void Exercise(MemoryFile& file) {
    for (const bool replay : {false, true}) {
      Open(file, replay);
    }
    arena_.arena().Rewind(0);
    Count count;
    const auto result = FindChecker(ByteView::Of("vhdx"))
                            ->check(arena_.arena(), file, opener_, count);
    EXPECT_TRUE(!result.ok() || result.value().corruptions == count.count);
  }

  void Open(MemoryFile& file, bool replay) {
    arena_.arena().Rewind(0);
    const auto opened = OpenImage(arena_.arena(), file, ByteView::Of("vhdx"),
                                  {}, opener_, {.replay_log = replay});
    if (opened.ok()) {
      Walk(*opened.value());
    }
  }

  static void Walk(Image& image) {
    uint64_t offset = 0;
    for (uint64_t i = 0; i < kMaxSteps; ++i) {
      const auto extent = image.Locate(offset, ~uint64_t{0}, false);
      if (!extent.ok() || extent.value().length == 0) {
        EXPECT_TRUE(!extent.ok() || offset >= image.virtual_size());
        return;
      }
      EXPECT_LE(extent.value().length, image.virtual_size() - offset);
      offset += extent.value().length;
    }
  }

  // Tries the image after each change of it, with checksums made right.
  void Try(VhdxSeed& seed, uint64_t offset, uint64_t value, uint64_t width) {
    const std::vector<uint8_t> old(
        seed.bytes().begin() + static_cast<int64_t>(offset),
        seed.bytes().begin() + static_cast<int64_t>(offset + width));
    seed.Put(offset, value, width);
    seed.Seal();
    std::swap(file_.bytes(), seed.bytes());
    Exercise(file_);
    std::swap(file_.bytes(), seed.bytes());
    std::copy(old.begin(), old.end(),
              seed.bytes().begin() + static_cast<int64_t>(offset));
  }

  // The first two blocks are stored; the second one as the log says.
  static VhdxSeed MakeSeed(bool with_log) {
    VhdxSeed seed(with_log);
    if (with_log) {
      seed.PutLogEntry(
          0,
          {.sequence_number = 1,
           .tail = 0,
           .pieces = {{.offset = VhdxSeed::kBatOffset,
                       .data = seed.BatSector(1, kPayloadZero)},
                      {.offset = 0x6f000, .data = {}, .zero_length = 4096}}});
    }
    return seed;
  }

  fakes::TestArena arena_{1 << 20};
  fakes::FakeOpener opener_;
  MemoryFile file_;
};

TEST_P(DamageTest, FlippedBitsInEveryByteAreSurvived) {
  VhdxSeed seed = MakeSeed(GetParam());
  for (const Range& record : Records()) {
    for (uint64_t i = 0; i < record.length; ++i) {
      const uint64_t at = record.offset + i;
      for (const uint64_t bit : {0u, 7u}) {
        Try(seed, at, seed.bytes()[at] ^ (1u << bit), 1);
      }
    }
  }
}

TEST_P(DamageTest, EveryFieldAtItsLimitsIsSurvived) {
  VhdxSeed seed = MakeSeed(GetParam());
  constexpr uint64_t kMax = ~uint64_t{0};
  for (const Range& record : Records()) {
    for (const uint64_t width : {4u, 8u}) {
      for (uint64_t i = 0; i + width <= record.length; i += width) {
        for (const uint64_t value : {kMax, kMax << 20}) {
          Try(seed, record.offset + i, value, width);
        }
      }
    }
  }
}

TEST_P(DamageTest, EveryTruncationIsSurvived) {
  VhdxSeed seed = MakeSeed(GetParam());
  for (uint64_t size = 0; size < seed.bytes().size(); size += 9973) {
    MemoryFile file({seed.bytes().begin(),
                     seed.bytes().begin() + static_cast<int64_t>(size)});
    Exercise(file);
  }
}

INSTANTIATE_TEST_SUITE_P(WithAndWithoutLog, DamageTest, ::testing::Bool());

}  // namespace
}  // namespace instar::vhdx
