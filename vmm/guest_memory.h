// The one region of memory that a guest has. Only this file turns a
// GuestAddress into bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "proto/abi.h"
#include "vmm/memory_map.h"

namespace instar::vmm {

// A region that is mapped from construction to destruction, zero at first.
class GuestMemory {
 public:
  enum class Sharing : uint8_t {
    kPrivate,   // this process only: KVM
    kChildren,  // children see the same bytes: process jail
  };

  // Maps `size_bytes`, a multiple of 2 MiB; nothing and errno where it cannot
  // be had.
  static std::optional<GuestMemory> Map(uint64_t size_bytes, Sharing sharing);

  GuestMemory(GuestMemory&& other) noexcept;
  GuestMemory& operator=(GuestMemory&&) = delete;
  GuestMemory(const GuestMemory&) = delete;
  GuestMemory& operator=(const GuestMemory&) = delete;
  ~GuestMemory();

  uint64_t size() const { return size_; }
  // What the guest may touch; buffers are checked against it.
  void set_map(std::vector<Area> map) { map_ = std::move(map); }
  const std::vector<Area>& map() const { return map_; }

  // The host's view of [offset, +length).
  // REQUIRES: it lies inside; offsets are the host's own, never a guest's.
  uint8_t* at(uint64_t offset) const { return base_ + offset; }
  abi::Ring* ring(uint32_t vcpu) const;

  // A buffer that the host reads or writes for the guest. Nothing where any
  // byte of [address, +length) lies outside what the guest could read (or
  // write) itself, or in an area that holds no buffers.
  std::optional<std::span<const uint8_t>> Readable(abi::GuestAddress address,
                                                   uint64_t length) const;
  std::optional<std::span<uint8_t>> Writable(abi::GuestAddress address,
                                             uint64_t length) const;

 private:
  GuestMemory(uint8_t* base, uint64_t size) : base_(base), size_(size) {}
  std::optional<uint64_t> Find(abi::GuestAddress address, uint64_t length,
                               Access access) const;

  uint8_t* base_;
  uint64_t size_;
  std::vector<Area> map_;
};

}  // namespace instar::vmm
