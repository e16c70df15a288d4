#include "lib/format/vmdk/descriptor.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "lib/format/vmdk/probe.h"

namespace instar::vmdk {
namespace {

ByteView View(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

std::string String(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::vector<ExtentLine> LinesOf(const std::string& text) {
  std::vector<ExtentLine> found;
  ExtentLines lines(View(text));
  for (ExtentLine line; lines.Next(line);) {
    found.push_back(line);
  }
  return found;
}

uint32_t Cid(const std::string& text) {
  const auto cid = FindHexadecimal(View(text), ByteView::Of("CID"));
  return cid.ok() ? cid.value() : 99;
}

int Score(const std::string& start) {
  std::string head = start;
  head.resize(512, '\0');
  return ProbeVmdk(View(head), ByteView());
}

TEST(VmdkDescriptor, AnExtentLineHasFiveWords) {
  const std::string text = "RW 40 FLAT \"a b.vmdk\" 7";
  const auto lines = LinesOf(text);
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0].num_words, 5U);
  EXPECT_EQ(String(lines[0].access), "RW");
  EXPECT_EQ(lines[0].sectors, 40);
  EXPECT_EQ(String(lines[0].type), "FLAT");
  EXPECT_EQ(String(lines[0].name), "a b.vmdk");
  EXPECT_EQ(lines[0].offset, 7);
}

TEST(VmdkDescriptor, AnExtentLineMayLackItsOffsetAndItsClosingQuote) {
  EXPECT_EQ(LinesOf("RW 40 SPARSE \"a\"")[0].num_words, 4U);
  EXPECT_EQ(LinesOf("RW 40 FLAT \"a 7")[0].num_words, 4U);
  EXPECT_EQ(LinesOf("RW 40 ZERO")[0].num_words, 3U);
  EXPECT_EQ(LinesOf("RW 0x40 FLAT \"a\" 0")[0].num_words, 3U);
  EXPECT_EQ(LinesOf("RW forty")[0].num_words, 1U);
}

TEST(VmdkDescriptor, WordsMaySpreadOverLines) {
  const std::string text = "RW 40\nFLAT\n\"a\"\n7\n";
  const auto lines = LinesOf(text);
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_EQ(lines[0].num_words, 5U);
  EXPECT_EQ(lines[1].num_words, 1U);
}

TEST(VmdkDescriptor, AnEmptyLineRepeatsTheNextOne) {
  const std::string text = "\n \nRW 40 FLAT \"a\" 7\nx\n";
  const auto lines = LinesOf(text);
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_EQ(lines[0].num_words, 5U);
  EXPECT_EQ(lines[1].num_words, 5U);
  EXPECT_EQ(lines[2].num_words, 5U);
  EXPECT_EQ(lines[3].num_words, 1U);
}

TEST(VmdkDescriptor, ManyEmptyLinesAreReadOnce) {
  const std::string text(1 << 20, '\n');
  EXPECT_EQ(LinesOf(text).size(), text.size());
}

TEST(VmdkDescriptor, NumbersThatAreTooLargeBecomeTheLargest) {
  EXPECT_EQ(LinesOf("RW 99999999999999999999 F")[0].sectors,
            std::numeric_limits<int64_t>::max());
  EXPECT_EQ(LinesOf("RW -5 F")[0].sectors, -5);
  EXPECT_EQ(LinesOf("RW +5 F")[0].sectors, 5);
}

TEST(VmdkDescriptor, CidsAreHexadecimalAndCutTo32Bits) {
  EXPECT_EQ(Cid("CID=1a"), 0x1aU);
  EXPECT_EQ(Cid("x\nCID=  0xABC\n"), 0xabcU);
  EXPECT_EQ(Cid("CID=-1"), 0xffffffffU);
  EXPECT_EQ(Cid("CID=123456789"), 0x23456789U);
  EXPECT_EQ(Cid("CID=123456789abcdef01"), 0xffffffffU);
  EXPECT_EQ(Cid("parentCID=7\nCID=1"), 7U);
  EXPECT_EQ(Cid("CID=z"), 99U);
  EXPECT_EQ(Cid("CID="), 99U);
  EXPECT_EQ(Cid("CID"), 99U);
  EXPECT_EQ(Cid(""), 99U);
}

TEST(VmdkDescriptor, AQuotedValueNeedsItsClosingQuote) {
  const ByteView key = ByteView::Of("name");
  const std::string good = "x name=\"a b\" y";
  EXPECT_EQ(String(FindQuoted(View(good), key).value), "a b");
  EXPECT_TRUE(FindQuoted(View(good), key).complete);
  EXPECT_FALSE(FindQuoted(View("name=\"a"), key).complete);
  EXPECT_TRUE(FindQuoted(View("name"), key).has_key);
  EXPECT_FALSE(FindQuoted(View("name"), key).complete);
  EXPECT_FALSE(FindQuoted(View("nam"), key).has_key);
}

TEST(VmdkProbe, MagicsAreRecognised) {
  EXPECT_EQ(Score("KDMV"), 100);
  EXPECT_EQ(Score("COWD"), 100);
  EXPECT_EQ(Score("KDM"), 0);
}

TEST(VmdkProbe, ADescriptorIsToldByItsFirstMeaningfulLine) {
  EXPECT_EQ(Score("version=1\n"), 100);
  EXPECT_EQ(Score("# Disk DescriptorFile\nversion=2\n"), 100);
  EXPECT_EQ(Score("# x\r\nversion=3\r\n"), 100);
  EXPECT_EQ(Score("# x\r\n  \r\n# y\nversion=3\n"), 100);
  EXPECT_EQ(Score("# x\nversion=4\n"), 0);
  EXPECT_EQ(Score("# x\nversion=1 \n"), 0);
  EXPECT_EQ(Score(std::string(600, '#')), 0);
}

TEST(VmdkProbe, OnlyBlanksMayStandInALineBeforeTheVersion) {
  EXPECT_EQ(Score("# x\n \nversion=1\n"), 100);
  EXPECT_EQ(Score("# x\n\nversion=1\n"), 0);
  EXPECT_EQ(Score(" version=1\n"), 0);
  EXPECT_EQ(Score("\nversion=1\n"), 0);
}

}  // namespace
}  // namespace instar::vmdk
