#include "vmm/guest_memory.h"

#include <sys/mman.h>

#include <utility>

namespace instar::vmm {
namespace {

constexpr uint64_t kHugePage = 2 << 20;

}  // namespace

std::optional<GuestMemory> GuestMemory::Map(uint64_t size_bytes,
                                            Sharing sharing) {
  const int flags = MAP_ANONYMOUS | MAP_NORESERVE |
                    (sharing == Sharing::kPrivate ? MAP_PRIVATE : MAP_SHARED);
  // Huge pages need an aligned start: map more and give the rest back.
  const uint64_t mapped = size_bytes + kHugePage;
  void* begin = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (begin == MAP_FAILED) {
    return std::nullopt;
  }
  uint8_t* bytes = static_cast<uint8_t*>(begin);
  const uint64_t misaligned = reinterpret_cast<uint64_t>(bytes) % kHugePage;
  const uint64_t before = misaligned == 0 ? 0 : kHugePage - misaligned;
  if (before != 0) {
    munmap(bytes, before);
  }
  if (before != kHugePage) {
    munmap(bytes + before + size_bytes, kHugePage - before);
  }
  bytes += before;
  // Below the arena little is touched, page by page; above it, megabytes.
  madvise(bytes + abi::kArenaOffset, size_bytes - abi::kArenaOffset,
          MADV_HUGEPAGE);
  return GuestMemory(bytes, size_bytes);
}

GuestMemory::GuestMemory(GuestMemory&& other) noexcept
    : base_(std::exchange(other.base_, nullptr)),
      size_(other.size_),
      map_(std::move(other.map_)) {}

GuestMemory::~GuestMemory() {
  if (base_ != nullptr) {
    munmap(base_, size_);
  }
}

abi::Ring* GuestMemory::ring(uint32_t vcpu) const {
  return reinterpret_cast<abi::Ring*>(
      at(abi::kRingOffset + vcpu * abi::kRingStride));
}

std::optional<uint64_t> GuestMemory::Find(abi::GuestAddress address,
                                          uint64_t length,
                                          Access access) const {
  const uint64_t number = static_cast<uint64_t>(address);
  if (number < abi::kGuestBase) {
    return std::nullopt;
  }
  const uint64_t offset = number - abi::kGuestBase;
  // The arena, where nearly all buffers are, comes last in the map.
  for (auto area = map_.rbegin(); area != map_.rend(); ++area) {
    if (offset < area->offset || offset - area->offset > area->length) {
      continue;
    }
    const uint64_t rest = area->length - (offset - area->offset);
    if (!area->holds_buffers || (area->access & access) == 0 || length > rest) {
      return std::nullopt;
    }
    return offset;
  }
  return std::nullopt;
}

std::optional<std::span<const uint8_t>> GuestMemory::Readable(
    abi::GuestAddress address, uint64_t length) const {
  const auto offset = Find(address, length, kAccessRead);
  if (!offset.has_value()) {
    return std::nullopt;
  }
  return std::span<const uint8_t>(at(*offset), length);
}

std::optional<std::span<uint8_t>> GuestMemory::Writable(
    abi::GuestAddress address, uint64_t length) const {
  const auto offset = Find(address, length, kAccessWrite);
  if (!offset.has_value()) {
    return std::nullopt;
  }
  return std::span<uint8_t>(at(*offset), length);
}

}  // namespace instar::vmm
