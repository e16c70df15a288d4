// What every reader must survive, whatever the file holds and however the host
// fails: written once, run for each seed.
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "lib/format/chain.h"
#include "tests/support/fake_opener.h"
#include "tests/support/memory_file.h"
#include "tests/support/seeds/seeds.h"
#include "tests/support/test_arena.h"

namespace instar {
namespace {

using fakes::MemoryFile;

using fakes::Seed;

class Ignore final : public FactsVisitor {
 public:
  Status OnSnapshot(const SnapshotFacts& /*snapshot*/) override { return {}; }
  Status OnBitmap(const BitmapFacts& /*bitmap*/) override { return {}; }
};

class ConformanceTest : public ::testing::TestWithParam<Seed> {
 protected:
  // Opens the file and does with it all that a reader offers. Returns whether
  // everything went well.
  bool Exercise(MemoryFile& file, bool exact = true) {
    arena_.arena().Rewind(0);
    const std::string& name = GetParam().format;
    const std::vector<uint8_t> format(name.begin(), name.end());
    fakes::FakeOpener opener;
    opener.Add("itself", file);  // for formats of several files
    file.ClearLog();
    const auto opened =
        OpenImage(arena_.arena(), file, ByteView(format.data(), format.size()),
                  {}, opener, {});
    const bool ok = opened.ok() && Walk(*opened.value(), exact);
    EXPECT_LE(file.log().size(), kMaxAccesses);
    return ok;
  }

 private:
  static constexpr uint64_t kMaxSteps = 200;
  static constexpr uint64_t kMaxAccesses = 5000;

  static bool Walk(Image& image, bool exact) {
    Ignore visitor;
    bool ok = image.List(visitor).ok();
    uint64_t offset = 0;
    for (uint64_t i = 0; i < kMaxSteps; ++i) {
      const auto extent = image.Locate(offset, ~uint64_t{0}, exact);
      if (!extent.ok()) {
        return false;
      }
      if (extent.value().length == 0) {
        EXPECT_GE(offset, image.virtual_size());
        break;
      }
      EXPECT_LE(extent.value().length, image.virtual_size() - offset);
      offset += extent.value().length;
    }
    return ok;
  }

  fakes::TestArena arena_{2 << 20};
};

TEST_P(ConformanceTest, ReadsTheSeed) {
  MemoryFile file(GetParam().bytes);
  EXPECT_TRUE(Exercise(file));
}

TEST_P(ConformanceTest, SurvivesTruncationAtEveryByte) {
  const Seed& seed = GetParam();
  for (uint64_t size = 0; size < seed.metadata_bytes; ++size) {
    MemoryFile file(
        {seed.bytes.begin(), seed.bytes.begin() + static_cast<int64_t>(size)});
    Exercise(file);
  }
}

TEST_P(ConformanceTest, SurvivesEveryFlippedBit) {
  const Seed& seed = GetParam();
  MemoryFile file(seed.bytes);
  for (uint64_t bit = 0; bit < seed.metadata_bytes * 8; ++bit) {
    const auto mask = static_cast<uint8_t>(1 << bit % 8);
    file.bytes()[bit / 8] ^= mask;
    Exercise(file);
    file.bytes()[bit / 8] ^= mask;
  }
}

TEST_P(ConformanceTest, SurvivesEveryFieldAtItsLimits) {
  const Seed& seed = GetParam();
  constexpr uint64_t kWidths[] = {1, 2, 4, 8};
  constexpr uint64_t kMax = ~uint64_t{0};
  MemoryFile file(seed.bytes);
  for (const uint64_t width : kWidths) {
    for (uint64_t at = 0; at + width <= seed.metadata_bytes; at += width) {
      for (const uint64_t value : {uint64_t{0}, uint64_t{1}, kMax, kMax / 2}) {
        for (uint64_t i = 0; i < width; ++i) {
          file.bytes()[at + width - 1 - i] =
              static_cast<uint8_t>(value >> 8 * i);
        }
        Exercise(file);
      }
      for (uint64_t i = 0; i < width; ++i) {
        file.bytes()[at + i] = seed.bytes[at + i];
      }
    }
  }
}

TEST_P(ConformanceTest, PassesOnEveryFailureOfTheHost) {
  const Seed& seed = GetParam();
  MemoryFile good(seed.bytes);
  ASSERT_TRUE(Exercise(good, false));
  const uint64_t accesses = good.log().size();
  for (uint64_t n = 0; n < accesses; ++n) {
    MemoryFile file(seed.bytes);
    file.FailAt(n);
    EXPECT_FALSE(Exercise(file, false)) << "access " << n;
  }
}

// What the host's file says of holes is extra: an answer without it is right.
TEST_P(ConformanceTest, SurvivesEveryFailureOfTheHost) {
  const Seed& seed = GetParam();
  MemoryFile good(seed.bytes);
  ASSERT_TRUE(Exercise(good));
  const uint64_t accesses = good.log().size();
  for (uint64_t n = 0; n < accesses; ++n) {
    MemoryFile file(seed.bytes);
    file.FailAt(n);
    Exercise(file);
    MemoryFile once(seed.bytes);
    once.FailAt(n, 1);
    Exercise(once);
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, ConformanceTest,
                         ::testing::ValuesIn(fakes::AllSeeds()),
                         [](const auto& seed) { return seed.param.name; });

}  // namespace
}  // namespace instar
