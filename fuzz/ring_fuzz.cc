// Takes requests from a ring that the input wrote, and changes them afterwards,
// as a hostile guest would. Whatever the checks let pass must be safe to do.
//
// Input: the ring's counters, then requests of 64 bytes each.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "proto/abi.h"
#include "vmm/files.h"
#include "vmm/guest_memory.h"
#include "vmm/memory_map.h"
#include "vmm/request_check.h"
#include "vmm/ring.h"

namespace instar::vmm {
namespace {

constexpr uint32_t kNumVcpus = 2;

void Require(bool condition) {
  if (!condition) {
    std::abort();
  }
}

// What the run would look like: memory of the smallest size and one open file.
struct Run {
  GuestMemory memory;
  Files files;

  Run()
      : memory(*GuestMemory::Map(abi::kMinMemoryBytes,
                                 GuestMemory::Sharing::kPrivate)),
        files(Policy{}, Outputs{}) {
    const int fd = memfd_create("image", 0);
    Require(fd >= 0 && ftruncate(fd, 1 << 20) == 0);
    const std::string path = "/proc/self/fd/" + std::to_string(fd);
    Require(files.OpenSource(path, CacheMode::kWriteback).has_value());
    memory.set_map(
        BuildMemoryMap(abi::kMinMemoryBytes, kNumVcpus,
                       {{.offset = abi::kImageOffset,
                         .length = abi::kPageSize,
                         .access = kAccessRead | kAccessExecute},
                        {.offset = abi::kImageOffset + abi::kPageSize,
                         .length = abi::kPageSize,
                         .access = kAccessRead | kAccessWrite,
                         .holds_buffers = true}}));
  }
};

// What every later step takes for granted of a request that passed.
void CheckAccepted(const abi::Request& request, Run& run) {
  const uint64_t address = static_cast<uint64_t>(request.buffer);
  switch (request.call) {
    case abi::Call::kRead:
      Require(run.memory.Writable(request.buffer, request.length).has_value());
      [[fallthrough]];
    case abi::Call::kExtents:
      Require(request.slot < run.files.size());
      Require(request.offset + request.length >= request.offset);
      break;
    case abi::Call::kWrite:
    case abi::Call::kZero:
    case abi::Call::kDiscard:
    case abi::Call::kTruncate:
      Require(false);  // the only file is open for reading
      break;
    case abi::Call::kCopy:
      Require(false);
      break;
    case abi::Call::kMessage:
      Require(request.length <= abi::kMaxFrameBytes);
      Require(run.memory.Readable(request.buffer, request.length).has_value());
      Require(request.length == 0 || address >= abi::kGuestBase);
      break;
    case abi::Call::kStart:
    case abi::Call::kWake:
      Require(request.offset < kNumVcpus);
      break;
    default:
      Require(static_cast<uint16_t>(request.call) >= 1 &&
              request.call <= abi::Call::kSlotInfo);
      break;
  }
}

}  // namespace
}  // namespace instar::vmm

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace instar;
  static vmm::Run run;
  abi::Ring* ring = run.memory.ring(0);
  vmm::HostRing host(ring);

  std::memset(static_cast<void*>(ring), 0, sizeof *ring);
  const size_t head = size < 24 ? size : 24;
  std::memcpy(static_cast<void*>(ring), data, head);
  const size_t room = sizeof ring->requests;
  const size_t body = size - head < room ? size - head : room;
  std::memcpy(static_cast<void*>(ring->requests), data + head, body);

  for (int round = 0; round < 3; ++round) {
    std::vector<abi::Request> requests;
    if (!host.Take(&requests).empty()) {
      return 0;
    }
    vmm::Require(requests.size() <= abi::kRingEntries);
    std::memset(static_cast<void*>(ring->requests), 0xff, room);
    for (const abi::Request& request : requests) {
      if (vmm::CheckRequest(request, vmm::kNumVcpus, run.files, run.memory)
              .empty()) {
        vmm::CheckAccepted(request, run);
      }
      host.Post(request.tag, 0);
    }
    host.BumpEvent();
    ring->consumed += static_cast<uint32_t>(requests.size());
    ring->submitted += size > 24 ? data[24] : 1U;
  }
  return 0;
}
