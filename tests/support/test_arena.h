// An arena with memory of its own.
#pragma once

#include <cstdint>
#include <new>

#include "lib/base/arena.h"

namespace instar::fakes {

class TestArena {
 public:
  explicit TestArena(uint64_t size = 4 << 20)
      : memory_(new (std::align_val_t{4096}) uint8_t[size]),
        arena_(MutableBytes(memory_, size)) {}
  ~TestArena() { ::operator delete[](memory_, std::align_val_t{4096}); }
  TestArena(const TestArena&) = delete;
  TestArena& operator=(const TestArena&) = delete;

  Arena& arena() { return arena_; }

 private:
  uint8_t* memory_;
  Arena arena_;
};

}  // namespace instar::fakes
