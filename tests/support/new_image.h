// Making an image in memory with the writer of a format, and looking into it.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/base/arena.h"
#include "lib/base/bytes.h"
#include "lib/format/target.h"
#include "lib/format/writers.h"
#include "tests/support/memory_file.h"

namespace instar::fakes {

// Memory for one image, as long as it is open.
struct ImageMemory {
  static constexpr uint64_t kBytes = 16 << 20;

  std::vector<uint8_t> bytes = std::vector<uint8_t>(kBytes);
  Arena arena{MutableBytes(bytes.data(), bytes.size())};
};

inline CreateOptions OfSize(uint64_t size) {
  CreateOptions options;
  options.size = size;
  return options;
}

inline Status CreateImage(const char* format, MemoryFile& file,
                          const CreateOptions& options) {
  ImageMemory memory;
  return FindWriter(ByteView::OfString(format))
      ->create(memory.arena, {.file = &file}, options);
}

inline Result<Target*> OpenImage(const char* format, ImageMemory& memory,
                                 MemoryFile& file) {
  return FindWriter(ByteView::OfString(format))
      ->open(memory.arena, {.file = &file}, nullptr, nullptr);
}

// The field at `offset` of the file; all ones behind its end.
template <typename F>
uint64_t At(MemoryFile& file, uint64_t offset) {
  const auto value =
      ByteView(file.bytes().data(), file.bytes().size()).At<F>(offset);
  return value.ok() ? value.value() : ~uint64_t{0};
}

}  // namespace instar::fakes
