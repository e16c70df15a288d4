#include "lib/format/signatures.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

namespace instar {
namespace {

std::string Recognised(const std::string& start,
                       const std::string& filename = "image") {
  std::string head = start;
  head.resize(512, '\0');
  int score = 0;
  const ByteView name = FindSignature(
      {reinterpret_cast<const uint8_t*>(head.data()), head.size()},
      {reinterpret_cast<const uint8_t*>(filename.data()), filename.size()},
      score);
  if (name.empty()) {
    return "none";
  }
  return std::string(reinterpret_cast<const char*>(name.data()), name.size()) +
         " " + std::to_string(score);
}

TEST(Signatures, MagicsAreRecognised) {
  EXPECT_EQ(Recognised("KDMV"), "vmdk 100");
  EXPECT_EQ(Recognised("COWD"), "vmdk 100");
  EXPECT_EQ(Recognised("vhdxfile"), "vhdx 100");
  EXPECT_EQ(Recognised("conectix"), "vpc 100");
  EXPECT_EQ(Recognised(std::string("QED\0", 4)), "qed 100");
  EXPECT_EQ(Recognised(std::string("QFI\xfb\0\0\0\1", 8)), "qcow 100");
  EXPECT_EQ(Recognised(std::string("LUKS\xba\xbe\0\1", 8)), "luks 100");
}

TEST(Signatures, Qcow2IsNotQcow) {
  EXPECT_EQ(Recognised(std::string("QFI\xfb\0\0\0\3", 8)), "none");
}

TEST(Signatures, ParallelsNeedsItsVersion) {
  EXPECT_EQ(Recognised(std::string("WithoutFreeSpace\2\0\0\0", 20)),
            "parallels 100");
  EXPECT_EQ(Recognised(std::string("WithoutFreeSpace\3\0\0\0", 20)), "none");
}

TEST(Signatures, AVmdkDescriptorIsToldByItsFirstMeaningfulLine) {
  EXPECT_EQ(Recognised("# Disk DescriptorFile\nversion=1\n"), "vmdk 100");
  EXPECT_EQ(Recognised("# x\r\n\r\nversion=3\r\n"), "vmdk 100");
  EXPECT_EQ(Recognised("# x\nversion=4\n"), "none");
  EXPECT_EQ(Recognised("# x\nversion=1x\n"), "none");
  EXPECT_EQ(Recognised(std::string(600, '#')), "none");
}

TEST(Signatures, OnlyDmgLooksAtTheName) {
  EXPECT_EQ(Recognised("", "a.dmg"), "dmg 2");
  EXPECT_EQ(Recognised("", ".dmg"), "none");
  EXPECT_EQ(Recognised("KDMV", "a.dmg"), "vmdk 100");
}

}  // namespace
}  // namespace instar
