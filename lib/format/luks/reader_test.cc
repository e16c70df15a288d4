#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "lib/format/chain.h"
#include "lib/format/luks/layout.h"
#include "tests/support/fake_opener.h"
#include "tests/support/memory_file.h"
#include "tests/support/seeds/seeds.h"
#include "tests/support/test_arena.h"

namespace instar::luks {
namespace {

constexpr uint64_t kPayload = (8 + 8 * 256) * kSectorBytes;

class LuksReaderTest : public ::testing::Test {
 protected:
  LuksReaderTest() {
    file_.bytes() = fakes::LuksHeader();
    file_.bytes().resize(kPayload + 5000);
  }

  Result<Image*> Open(bool info_only = true) {
    arena_.arena().Rewind(0);
    return OpenImage(arena_.arena(), file_, {}, {}, opener_,
                     {.info_only = info_only});
  }
  Fault FaultOf() {
    const auto image = Open();
    return image.ok() ? Fault::kNone : image.error().fault;
  }
  void PutText(uint64_t offset, const std::string& text) {
    for (uint64_t i = 0; i < HeaderLayout::kNameBytes; ++i) {
      file_.bytes()[offset + i] =
          i < text.size() ? static_cast<uint8_t>(text[i]) : 0;
    }
  }

  fakes::TestArena arena_;
  fakes::MemoryFile file_;
  fakes::FakeOpener opener_;
};

std::string TextOf(ByteView view) {
  return {view.data(), view.data() + view.size()};
}

TEST_F(LuksReaderTest, TellsWhatTheHeaderSays) {
  const ImageFacts& facts = Open().value()->facts();
  EXPECT_EQ(facts.virtual_size, 5120u);
  EXPECT_TRUE(facts.encrypted);
  const LuksFacts& luks = *facts.luks;
  EXPECT_EQ(TextOf(luks.cipher), "aes-256");
  EXPECT_EQ(TextOf(luks.cipher_mode), "cbc");
  EXPECT_EQ(TextOf(luks.ivgen_algorithm), "essiv");
  EXPECT_EQ(TextOf(luks.ivgen_hash), "sha256");
  EXPECT_EQ(TextOf(luks.hash), "sha256");
  EXPECT_EQ(luks.uuid.size(), 36u);
  EXPECT_EQ(luks.payload_offset, kPayload);
  EXPECT_FALSE(luks.slots[0].active);
  EXPECT_TRUE(luks.slots[1].active);
  EXPECT_EQ(luks.slots[1].iterations, 5000u);
}

TEST_F(LuksReaderTest, DataNeedsAKey) {
  EXPECT_EQ(Open(false).error().fault, Fault::kLuksKeyRequired);
}

TEST_F(LuksReaderTest, NamesWhatItDoesNotKnow) {
  PutText(HeaderLayout::kCipherModeOffset, "cbc");
  EXPECT_EQ(FaultOf(), Fault::kLuksModeFormat);
  PutText(HeaderLayout::kCipherModeOffset, "cfb-plain");
  EXPECT_EQ(FaultOf(), Fault::kLuksMode);
  PutText(HeaderLayout::kCipherModeOffset, "cbc-null");
  EXPECT_EQ(FaultOf(), Fault::kLuksIvgen);
  PutText(HeaderLayout::kCipherModeOffset, "cbc-essiv");
  EXPECT_EQ(FaultOf(), Fault::kLuksIvgenHashMissing);
  PutText(HeaderLayout::kCipherModeOffset, "cbc-essiv:sha1");
  EXPECT_EQ(FaultOf(), Fault::kLuksEssivKey);
  PutText(HeaderLayout::kHashSpecOffset, "sha3");
  EXPECT_EQ(FaultOf(), Fault::kLuksHash);
  PutText(HeaderLayout::kCipherNameOffset, "rc4");
  const auto image = Open();
  EXPECT_EQ(image.error().fault, Fault::kLuksCipher);
  EXPECT_EQ(TextOf(Text(image.error())), "rc4");
  EXPECT_EQ(image.error().value, 32u);
}

TEST_F(LuksReaderTest, XtsHalvesTheKey) {
  PutText(HeaderLayout::kCipherModeOffset, "xts-plain64");
  EXPECT_EQ(TextOf(Open().value()->facts().luks->cipher), "aes-128");
}

TEST_F(LuksReaderTest, SlotsMayNotOverlap) {
  Be32::Encode(file_.bytes().data() + HeaderLayout::kSlotsOffset +
                   SlotLayout::kSize + SlotLayout::kKeyMaterialOffset.offset,
               9);
  const auto image = Open();
  EXPECT_EQ(image.error().fault, Fault::kLuksSlotsOverlap);
  EXPECT_EQ(image.error().value2, 1u);
}

TEST_F(LuksReaderTest, SurvivesEveryFlippedBitAndTruncation) {
  for (uint64_t bit = 0; bit < HeaderLayout::kSize * 8; ++bit) {
    const auto mask = static_cast<uint8_t>(1 << bit % 8);
    file_.bytes()[bit / 8] ^= mask;
    static_cast<void>(FaultOf());
    file_.bytes()[bit / 8] ^= mask;
  }
  for (uint64_t size = HeaderLayout::kSize; size > 0; --size) {
    file_.bytes().resize(size - 1);
    EXPECT_NE(FaultOf(), Fault::kInternal);
  }
}

}  // namespace
}  // namespace instar::luks
