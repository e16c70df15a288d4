#include "vmm/image_loader.h"

#include <elf.h>

#include <cstring>

#include "proto/abi.h"

namespace instar::vmm {
namespace {

constexpr uint16_t kMaxProgramHeaders = 16;

bool Inside(uint64_t offset, uint64_t length, uint64_t size) {
  return offset <= size && length <= size - offset;
}

uint8_t AccessOf(uint32_t flags) {
  return static_cast<uint8_t>(((flags & PF_R) != 0 ? kAccessRead : 0) |
                              ((flags & PF_W) != 0 ? kAccessWrite : 0) |
                              ((flags & PF_X) != 0 ? kAccessExecute : 0));
}

std::string AddSegment(const Elf64_Phdr& header, uint64_t elf_bytes,
                       Image* image) {
  constexpr uint64_t kBegin = abi::kGuestBase + abi::kImageOffset;
  if (header.p_filesz > header.p_memsz ||
      !Inside(header.p_offset, header.p_filesz, elf_bytes)) {
    return "a segment lies outside the file";
  }
  if (header.p_vaddr < kBegin ||
      !Inside(header.p_vaddr - kBegin, header.p_memsz, abi::kImageMaxBytes)) {
    return "a segment lies outside the image's place";
  }
  if ((header.p_flags & PF_R) == 0 ||
      ((header.p_flags & PF_W) != 0 && (header.p_flags & PF_X) != 0)) {
    return "a segment is writable and executable, or not readable";
  }
  Segment segment;
  segment.load_offset = header.p_vaddr - abi::kGuestBase;
  segment.file_offset = header.p_offset;
  segment.file_bytes = header.p_filesz;
  const uint64_t begin = segment.load_offset & ~(abi::kPageSize - 1);
  const uint64_t end =
      (segment.load_offset + header.p_memsz + abi::kPageSize - 1) &
      ~(abi::kPageSize - 1);
  if (!image->segments.empty()) {
    const Area& last = image->segments.back().area;
    if (begin < last.offset + last.length) {
      return "segments overlap or share a page";
    }
  }
  segment.area = {begin, end - begin, AccessOf(header.p_flags), true};
  image->segments.push_back(segment);
  return "";
}

std::string CheckHeader(std::span<const uint8_t> elf,
                        const Elf64_Ehdr& header) {
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
      header.e_ident[EI_CLASS] != ELFCLASS64 ||
      header.e_ident[EI_DATA] != ELFDATA2LSB || header.e_machine != EM_X86_64 ||
      header.e_type != ET_EXEC) {
    return "not a static x86-64 program";
  }
  if (header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phnum == 0 ||
      header.e_phnum > kMaxProgramHeaders ||
      !Inside(header.e_phoff, header.e_phnum * sizeof(Elf64_Phdr),
              elf.size())) {
    return "bad program headers";
  }
  return "";
}

// The ImageHeader is the first thing of the first segment, and the entry is
// inside text.
std::string CheckEntry(std::span<const uint8_t> elf, const Image& image) {
  const Segment& first = image.segments.front();
  abi::ImageHeader header;
  if (first.load_offset != abi::kImageOffset ||
      first.file_bytes < sizeof header) {
    return "no image header";
  }
  std::memcpy(&header, elf.data() + first.file_offset, sizeof header);
  if (header.magic != abi::kImageMagic || header.version != abi::kVersion) {
    return "image header of another version";
  }
  const uint64_t entry = image.entry - abi::kGuestBase;
  for (const Segment& segment : image.segments) {
    if ((segment.area.access & kAccessExecute) != 0 &&
        entry >= segment.load_offset &&
        entry - segment.load_offset < segment.file_bytes) {
      return "";
    }
  }
  return "the entry is not in text";
}

}  // namespace

std::string ParseImage(std::span<const uint8_t> elf, Image* image) {
  Elf64_Ehdr header;
  if (elf.size() < sizeof header) {
    return "too short";
  }
  std::memcpy(&header, elf.data(), sizeof header);
  std::string wrong = CheckHeader(elf, header);
  if (!wrong.empty()) {
    return wrong;
  }
  image->entry = header.e_entry;
  image->segments.clear();
  for (uint16_t i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr program;
    std::memcpy(&program, elf.data() + header.e_phoff + i * sizeof program,
                sizeof program);
    if (program.p_type == PT_INTERP || program.p_type == PT_DYNAMIC) {
      return "not static";
    }
    if (program.p_type != PT_LOAD || program.p_memsz == 0) {
      continue;
    }
    wrong = AddSegment(program, elf.size(), image);
    if (!wrong.empty()) {
      return wrong;
    }
  }
  if (image->segments.empty()) {
    return "nothing to load";
  }
  return CheckEntry(elf, *image);
}

void LoadImage(std::span<const uint8_t> elf, const Image& image,
               const GuestMemory& memory) {
  for (const Segment& segment : image.segments) {
    std::memcpy(memory.at(segment.load_offset),
                elf.data() + segment.file_offset, segment.file_bytes);
  }
}

}  // namespace instar::vmm
