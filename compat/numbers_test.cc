#include "compat/numbers.h"

#include <gtest/gtest.h>

namespace instar::compat {
namespace {

Profile Of(const char* text) {
  return ProfileFor(ParseVersion(text).value());
}

constexpr uint64_t kKi = 1024;

void ExpectSize(const char* version, const char* text, uint64_t value) {
  const Number number = ParseSize(text, Of(version));
  EXPECT_EQ(number.fault, NumberFault::kNone) << version << " " << text;
  EXPECT_EQ(number.value, value) << version << " " << text;
}

void ExpectFault(const char* version, const char* text, NumberFault fault) {
  EXPECT_EQ(ParseSize(text, Of(version)).fault, fault)
      << version << " " << text;
}

TEST(NumbersTest, SizesHaveSuffixesInAnyCase) {
  ExpectSize("7.2", "0", 0);
  ExpectSize("7.2", "010", 10);
  ExpectSize("7.2", "1b", 1);
  ExpectSize("7.2", "1B", 1);
  ExpectSize("7.2", "4k", 4 * kKi);
  ExpectSize("7.2", "4K", 4 * kKi);
  ExpectSize("7.2", "3m", 3 * kKi * kKi);
  ExpectSize("7.2", "2G", 2 * kKi * kKi * kKi);
  ExpectSize("7.2", "1t", kKi * kKi * kKi * kKi);
  ExpectSize("7.2", "1e", uint64_t{1} << 60);
  ExpectSize("7.2", " 1k", kKi);
  ExpectSize("7.2", "+1k", kKi);
}

TEST(NumbersTest, FractionsRoundHalfUp) {
  ExpectSize("7.2", "5.5G", 11 * kKi * kKi * kKi / 2);
  ExpectSize("7.2", "1.5k", 1536);
  ExpectSize("7.2", "1.k", kKi);
  ExpectSize("7.2", "1.0", 1);
  ExpectSize("7.2", "0.0001k", 0);
  ExpectSize("7.2", "0.00048829k", 1);
  ExpectSize("7.2", "0.99999k", kKi);
  ExpectSize("7.2", "7.9999E", 9223256744704315136u);
  ExpectSize("7.2", "1.5E", 1729382256910270464u);
}

TEST(NumbersTest, WhatIsNoSizeIsMalformed) {
  for (const char* text :
       {"", "k", "1Z", "1kk", "1 k", "1.5", "1.3b", "1.5B", "1e3", "1e1k",
        "1.5e1k", "0x", "0x1.8k", "inf", "nan", "0x10kk"})
    ExpectFault("7.2", text, NumberFault::kMalformed);
}

TEST(NumbersTest, SizesBeyond64BitsAreOutOfRange) {
  ExpectFault("7.2", "99999999999E", NumberFault::kOutOfRange);
  ExpectFault("7.2", "16E", NumberFault::kOutOfRange);
  ExpectFault("7.2", "18446744073709551616", NumberFault::kOutOfRange);
  ExpectSize("7.2", "18446744073709551615", UINT64_MAX);
  ExpectSize("7.2", "8E", uint64_t{8} << 60);
}

TEST(NumbersTest, HexWarnsAboutASuffixUntil80) {
  const Number old = ParseSize("0x10k", Of("7.2"));
  EXPECT_EQ(old.value, 16 * kKi);
  EXPECT_TRUE(old.warns_hex_suffix);
  ExpectFault("8.0", "0x10k", NumberFault::kMalformed);
  ExpectSize("8.0", "0x1f", 31);
  EXPECT_EQ(HexSuffixWarning(NamesOf("qemu-img"), "0x10k"),
            "qemu-img: warning: Using a multiplier suffix on hex numbers is "
            "deprecated: 0x10k\n");
}

TEST(NumbersTest, NegativeSizesAndBareFractionsChangedIn81) {
  ExpectFault("8.0", "-1", NumberFault::kMalformed);
  ExpectFault("8.1", "-1", NumberFault::kOutOfRange);
  ExpectFault("8.0", ".5k", NumberFault::kMalformed);
  ExpectSize("8.1", ".5k", 512);
  ExpectFault("8.1", ".", NumberFault::kMalformed);
  ExpectFault("8.1", ".k", NumberFault::kMalformed);
}

TEST(NumbersTest, CountsAreDecimalHexadecimalOrOctal) {
  EXPECT_EQ(ParseCount("16").value, 16u);
  EXPECT_EQ(ParseCount("0x10").value, 16u);
  EXPECT_EQ(ParseCount("020").value, 16u);
  EXPECT_EQ(ParseCount("-1").value, UINT64_MAX);
  EXPECT_EQ(ParseCount("1k").fault, NumberFault::kMalformed);
  EXPECT_EQ(ParseCount("").fault, NumberFault::kMalformed);
  EXPECT_EQ(ParseCount("99999999999999999999999").fault,
            NumberFault::kOutOfRange);
}

TEST(NumbersTest, ErrorsFollowTheVersion) {
  const Names names = NamesOf("qemu-img");
  EXPECT_EQ(NumberError(names, Of("7.2"), "image size", "1Z",
                        NumberFault::kMalformed),
            "qemu-img: Invalid image size specified. You may use k, M, G, T, "
            "P or E suffixes for\n"
            "qemu-img: kilobytes, megabytes, gigabytes, terabytes, petabytes "
            "and exabytes.\n");
  EXPECT_EQ(NumberError(names, Of("10.0.13"), "image size", "1Z",
                        NumberFault::kMalformed),
            "qemu-img: Invalid image size specified: '1Z'.\n");
  EXPECT_EQ(NumberError(names, Of("10.1"), "rate limit", "0x",
                        NumberFault::kMalformed),
            "qemu-img: Invalid rate limit specified: '0x'\n");
  EXPECT_EQ(NumberError(names, Of("10.1"), "image size", "9E",
                        NumberFault::kOutOfRange),
            "qemu-img: Invalid image size specified. Must be between 0 and "
            "9223372036854775807.\n");
}

TEST(NumbersTest, ParallelIsOneToSixteen) {
  const Names names = NamesOf("qemu-img");
  EXPECT_EQ(ParseParallel(names, Of("7.2"), "4").count, 4);
  EXPECT_EQ(ParseParallel(names, Of("7.2"), "16").error, "");
  const std::string old =
      "qemu-img: Invalid number of coroutines. Allowed number of coroutines "
      "is between 1 and 16\n";
  for (const char* text : {"0", "17", "x", "-1", ""})
    EXPECT_EQ(ParseParallel(names, Of("7.2"), text).error, old) << text;
  EXPECT_EQ(ParseParallel(names, Of("10.1"), "99").error,
            "qemu-img: Invalid number of coroutines specified. Must be "
            "between 1 and 16.\n");
  EXPECT_EQ(ParseParallel(names, Of("10.1"), "x").error,
            "qemu-img: Invalid number of coroutines specified: 'x'\n");
}

}  // namespace
}  // namespace instar::compat
