#include "compat/human_size.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace instar::compat {
namespace {

struct Case {
  uint64_t bytes;
  const char* text;
};

// Taken from `qemu-img info` of raw files.
TEST(HumanSize, RoundsToThreeDigitsOfTheUnitThatFits) {
  constexpr Case kCases[] = {
      {0, "0 B"},
      {1, "1 B"},
      {512, "512 B"},
      {999, "999 B"},
      {1000, "0.977 KiB"},
      {1023, "0.999 KiB"},
      {1024, "1 KiB"},
      {1536, "1.5 KiB"},
      {197120, "192 KiB"},
      {459264, "448 KiB"},
      {1023999, "1e+03 KiB"},
      {1024000, "0.977 MiB"},
      {10485760, "10 MiB"},
      {10457088, "9.97 MiB"},
      {1507328, "1.44 MiB"},
      {uint64_t{64} << 20, "64 MiB"},
      {uint64_t{7} * 1000 * 1000 * 1000, "6.52 GiB"},
      {uint64_t{1} << 40, "1 TiB"},
      {uint64_t{1} << 50, "1 PiB"},
      {INT64_MAX, "8 EiB"},
      {UINT64_MAX, "16 EiB"},
  };
  for (const Case& c : kCases) {
    EXPECT_EQ(HumanSize(c.bytes), c.text) << c.bytes;
  }
}

}  // namespace
}  // namespace instar::compat
