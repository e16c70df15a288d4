#include "lib/codec/libdeflate_memory.h"

#include <libdeflate.h>

namespace instar::codec {
namespace {

constinit Arena* lent = nullptr;

void* Allocate(size_t size) {
  if (lent == nullptr) {
    return nullptr;
  }
  auto bytes = lent->Allocate(size);
  return bytes.ok() ? bytes.value().data() : nullptr;
}

void Free(void* /*memory*/) {}

}  // namespace

LibdeflateMemory::LibdeflateMemory(Arena& arena) {
  INSTAR_CHECK(lent == nullptr);
  lent = &arena;
  libdeflate_set_memory_allocator(&Allocate, &Free);
}

LibdeflateMemory::~LibdeflateMemory() {
  lent = nullptr;
}

}  // namespace instar::codec
