#include "vmm/image_loader.h"

#include <elf.h>
#include <gtest/gtest.h>

#include <cstring>

#include "proto/abi.h"

namespace instar::vmm {
namespace {

constexpr uint64_t kBase = abi::kGuestBase + abi::kImageOffset;

// A valid image: text with the image header, then data.
struct FakeElf {
  Elf64_Ehdr header = {};
  Elf64_Phdr text = {};
  Elf64_Phdr data = {};
  abi::ImageHeader image = {abi::kImageMagic, abi::kVersion, 0};
  uint8_t code[16] = {};

  FakeElf() {
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_type = ET_EXEC;
    header.e_machine = EM_X86_64;
    header.e_phoff = sizeof header;
    header.e_phentsize = sizeof text;
    header.e_phnum = 2;
    header.e_entry = kBase + 16;
    text.p_type = data.p_type = PT_LOAD;
    text.p_flags = PF_R | PF_X;
    text.p_offset = offsetof(FakeElf, image);
    text.p_vaddr = kBase;
    text.p_filesz = text.p_memsz = 32;
    data.p_flags = PF_R | PF_W;
    data.p_vaddr = kBase + 0x1000;
    data.p_memsz = 0x2000;
  }

  std::span<const uint8_t> bytes() const {
    return {reinterpret_cast<const uint8_t*>(this), sizeof *this};
  }
  std::string Parse() const {
    Image parsed;
    return ParseImage(bytes(), &parsed);
  }
};

TEST(ImageLoader, TakesAValidImage) {
  const FakeElf elf;
  Image image;
  ASSERT_EQ(ParseImage(elf.bytes(), &image), "");
  ASSERT_EQ(image.segments.size(), 2U);
  EXPECT_EQ(image.segments[0].area.access, kAccessRead | kAccessExecute);
  EXPECT_EQ(image.segments[1].area.offset, abi::kImageOffset + 0x1000);
  EXPECT_EQ(image.segments[1].area.length, 0x2000U);
}

TEST(ImageLoader, RefusesEveryTruncation) {
  const FakeElf elf;
  Image image;
  // The last bytes are no part of a segment's file content.
  for (size_t n = 0; n < offsetof(FakeElf, code) + 16; ++n) {
    EXPECT_NE(ParseImage(elf.bytes().first(n), &image), "") << n;
  }
}

TEST(ImageLoader, SurvivesEveryByteSetToOnes) {
  for (size_t i = 0; i < sizeof(FakeElf); ++i) {
    FakeElf elf;
    reinterpret_cast<uint8_t*>(&elf)[i] = 0xff;
    Image image;
    if (!ParseImage(elf.bytes(), &image).empty()) {
      continue;
    }
    for (const Segment& segment : image.segments) {
      EXPECT_GE(segment.area.offset, abi::kImageOffset);
      EXPECT_LE(segment.area.offset + segment.area.length,
                abi::kImageOffset + abi::kImageMaxBytes);
      EXPECT_LE(segment.file_offset + segment.file_bytes, sizeof elf);
    }
  }
}

TEST(ImageLoader, RefusesWritableCode) {
  FakeElf elf;
  elf.text.p_flags = PF_R | PF_W | PF_X;
  EXPECT_NE(elf.Parse(), "");
}

TEST(ImageLoader, RefusesASegmentBehindTheImagesPlace) {
  FakeElf elf;
  elf.data.p_memsz = abi::kImageMaxBytes;
  EXPECT_NE(elf.Parse(), "");
  elf.data.p_memsz = UINT64_MAX;
  EXPECT_NE(elf.Parse(), "");
}

TEST(ImageLoader, RefusesSegmentsThatShareAPage) {
  FakeElf elf;
  elf.data.p_vaddr = kBase + 64;
  EXPECT_NE(elf.Parse(), "");
}

TEST(ImageLoader, RefusesAnEntryOutsideText) {
  FakeElf elf;
  elf.header.e_entry = kBase + 0x1000;
  EXPECT_EQ(elf.Parse(), "the entry is not in text");
  elf.header.e_entry = 0;
  EXPECT_EQ(elf.Parse(), "the entry is not in text");
}

TEST(ImageLoader, RefusesAnImageOfAnotherVersion) {
  FakeElf elf;
  elf.image.version = abi::kVersion + 1;
  EXPECT_EQ(elf.Parse(), "image header of another version");
}

TEST(ImageLoader, RefusesADynamicProgram) {
  FakeElf elf;
  elf.data.p_type = PT_INTERP;
  EXPECT_EQ(elf.Parse(), "not static");
}

}  // namespace
}  // namespace instar::vmm
