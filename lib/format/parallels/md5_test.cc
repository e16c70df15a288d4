#include "lib/format/parallels/md5.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <string>

namespace instar::parallels {
namespace {

std::string Md5Of(const std::string& text, size_t piece = 1000) {
  Md5 md5;
  for (size_t at = 0; at < text.size(); at += piece) {
    const std::string part = text.substr(at, piece);
    md5.Add({reinterpret_cast<const uint8_t*>(part.data()), part.size()});
  }
  std::string out;
  for (const uint8_t byte : md5.Finish().bytes) {
    char digits[3];
    snprintf(digits, sizeof digits, "%02x", byte);
    out += digits;
  }
  return out;
}

// RFC 1321, A.5.
TEST(Md5, GivesTheDigestsOfTheSpecification) {
  EXPECT_EQ(Md5Of(""), "d41d8cd98f00b204e9800998ecf8427e");
  EXPECT_EQ(Md5Of("a"), "0cc175b9c0f1b6a831c399e269772661");
  EXPECT_EQ(Md5Of("message digest"), "f96b697d7cb7938d525a2f31aaf161d0");
  EXPECT_EQ(Md5Of("1234567890123456789012345678901234567890"
                  "1234567890123456789012345678901234567890"),
            "57edf4a22be3c955ac49da2e2107b67a");
}

TEST(Md5, PiecesMakeNoDifference) {
  for (const size_t length : {55U, 56U, 63U, 64U, 65U, 119U, 120U, 128U}) {
    const std::string text(length, 'x');
    EXPECT_EQ(Md5Of(text, 7), Md5Of(text)) << length;
  }
}

}  // namespace
}  // namespace instar::parallels
