// Reads the static ELF64 of a guest binary: checks it and copies it into
// guest memory. The binary is our own, embedded at build time; the checks keep
// a broken build from becoming a hole.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "vmm/guest_memory.h"
#include "vmm/memory_map.h"

namespace instar::vmm {

// Where a part of the file goes.
struct Segment {
  Area area;                 // whole pages of the region
  uint64_t file_offset = 0;  // bytes
  uint64_t file_bytes = 0;
  uint64_t load_offset = 0;  // in the region; the rest of the area is zero
};

struct Image {
  uint64_t entry = 0;  // guest address, inside text
  std::vector<Segment> segments;
};

// What is wrong with `elf`, or an empty string and `image` is filled in.
std::string ParseImage(std::span<const uint8_t> elf, Image* image);

// Copies the segments of a parsed image.
void LoadImage(std::span<const uint8_t> elf, const Image& image,
               const GuestMemory& memory);

}  // namespace instar::vmm
