// The contract between the host (vmm/) and the guest (guest/): who may ask
// whom for what, over which bytes of shared memory.
//
// Compiled on both sides, so it includes nothing but <cstddef> and <cstdint>,
// declares no function, and holds only fixed-width integers. docs/boundary.md
// tells the same in prose.
#pragma once

#include <cstddef>
#include <cstdint>

namespace instar::abi {

// Changes whenever a byte described here changes. The host refuses a guest
// image whose header carries another number.
inline constexpr uint32_t kVersion = 1;

// An address as the guest sees it: to the host a number, never a pointer.
// Only vmm/guest_memory.h turns one into bytes.
enum class GuestAddress : uint64_t {};

// ---- The memory map -------------------------------------------------------
// One contiguous region. Byte `n` of it is at guest address kGuestBase + n,
// in both jails.

inline constexpr uint64_t kPageSize = 4096;
// Below 2 GiB, where the linked libraries' code model wants it.
inline constexpr uint64_t kGuestBase = 0x4000'0000;
inline constexpr uint32_t kMaxVcpus = 8;

// [0, kBootOffset): the host's own (page tables); never mapped for the guest.
inline constexpr uint64_t kBootOffset = 0x1'0000;  // struct Boot, read-only
inline constexpr uint64_t kConfigOffset =
    0x1'1000;  // Config message, read-only
inline constexpr uint64_t kConfigMaxBytes = 0xf000;
inline constexpr uint64_t kRingOffset = 0x2'0000;  // struct Ring, one a vCPU
inline constexpr uint64_t kRingStride = 0x8000;
// A stack's lowest page is not mapped; struct Local sits at its highest bytes.
inline constexpr uint64_t kStackOffset = 0x6'0000;
inline constexpr uint64_t kStackStride = 0x2'0000;
// The guest binary: text read-execute, constants read-only, data and .bss
// read-write and not executable, as its program headers say.
inline constexpr uint64_t kImageOffset = 0x20'0000;
inline constexpr uint64_t kImageMaxBytes = 640 * 1024;
// From here to the end of memory: read-write, not executable, zero at start.
inline constexpr uint64_t kArenaOffset = 0x40'0000;
inline constexpr uint64_t kMinMemoryBytes = 0x80'0000;
inline constexpr uint64_t kMaxMemoryBytes = 0x4000'0000;

// KVM's doorbell: a 4-byte store here leaves the guest. No memory is behind it.
inline constexpr uint64_t kDoorbellAddress = kGuestBase - 0x20'0000;

// Start-up registers of a vCPU: rdi holds its index, rsp its stack's end
// (16-byte aligned, less 8, as after a call), fs.base its struct Local.

// At the top of each stack. The C ABI of the linked libraries reads the stack
// guard at %fs:0x28.
struct Local {
  uint64_t self;  // guest address of this struct
  uint64_t vcpu;  // index
  uint64_t reserved[3];
  uint64_t stack_guard;  // random
  uint64_t more[2];
};
static_assert(sizeof(Local) == 64 && offsetof(Local, stack_guard) == 0x28);

// ---- Files ----------------------------------------------------------------
// The guest names a file by its slot: an index into the host's table.

inline constexpr uint32_t kMaxSlots = 256;
inline constexpr uint32_t kBootSlots = 64;

enum SlotFlag : uint32_t {
  kSlotPresent = 1,
  kSlotWritable = 2,
  kSlotBlockDevice = 4,
  kSlotReadsZero = 8,  // a new or emptied regular file: unwritten bytes are 0
};

// So many bytes of a new image's magic are written last of all, so that what is
// not finished is no image.
inline constexpr uint64_t kHeldMagicBytes = 4;

// What the guest may know of a file.
struct SlotInfo {
  uint64_t size_bytes;         // the file's length, not rounded
  uint64_t allocated_bytes;    // st_blocks * 512
  uint32_t flags;              // SlotFlag
  uint32_t request_alignment;  // bytes; 1 unless the file is open O_DIRECT
};
static_assert(sizeof(SlotInfo) == 24);

enum class Jail : uint32_t { kKvm = 1, kProcess = 2 };

enum BootFlag : uint32_t {
  kBootStrictPolicy = 1,  // what an image is must be told, not guessed
};

struct Boot {
  uint32_t version;  // kVersion
  Jail jail;
  uint32_t num_vcpus;  // that the guest may start; vCPU 0 runs from the start
  uint32_t config_bytes;  // length of the Config message at kConfigOffset
  uint64_t memory_bytes;  // size of the region
  uint32_t num_slots;     // open at start: slots[0 .. num_slots)
  uint32_t flags;         // BootFlag
  SlotInfo slots[kBootSlots];
};
static_assert(sizeof(Boot) <= kPageSize && offsetof(Boot, slots) == 32);

// ---- Requests -------------------------------------------------------------

enum class Call : uint16_t {
  kRead = 1,      // file [offset, +length) into buffer; result: bytes read,
                  // fewer than length only at the end of the file
  kWrite = 2,     // buffer into file [offset, +length); all or an error
  kZero = 3,      // file [offset, +length) reads as zeroes; flags kZero*
  kDiscard = 4,   // the file need not keep [offset, +length)
  kCopy = 5,      // slot [offset, +length) into slot2 at offset2, unseen by
                  // the guest; result: bytes copied
  kCompare = 6,   // slot at offset with slot2 at offset2, over length;
                  // result: equal bytes before the first difference
  kTruncate = 7,  // file length becomes offset; flags kTruncate*
  kFlush = 8,     // written bytes are on stable storage
  kExtents = 9,   // where the file has data in [offset, +length): an array of
                  // HostExtent into buffer; slot2 = its capacity;
                  // result: entries stored, covering from offset on in order
  kOpenReference = 10,  // buffer holds an encoded Reference message of length
                        // bytes; result: the new slot; its SlotInfo is stored
                        // at the buffer, which is at least 64 bytes
  kMessage = 11,        // buffer holds an encoded Frame of findings
  kProgress = 12,  // offset: work done, length: all work, in the guest's unit
  kDone = 13,      // the operation is over; offset: 0 if it succeeded, else 1
  kWake = 14,      // vCPU `offset`: its event count goes up
  kStart = 15,     // vCPU `offset` begins to run
  kClaim = 16,     // take the image locks for slot as flags (Claim*) say
  kSlotInfo = 17,  // the slot's SlotInfo, as it is now, into buffer
  kReserve = 18,   // the file has space for [offset, +length); it grows, and
                   // no byte that it has changes
};

enum ZeroFlag : uint32_t { kZeroMayUnmap = 1 };

// kWriteExact: a file that is open O_DIRECT does not grow to a whole block;
// creating an image writes so.
enum WriteFlag : uint32_t { kWriteExact = 1 };

// Preallocation of the bytes that a kTruncate adds.
enum TruncateFlag : uint32_t {
  kTruncateSparse = 0,
  kTruncateFalloc = 1,
  kTruncateFull = 2,
};

// What the format layer does with a file, which decides its image locks.
enum ClaimFlag : uint32_t {
  kClaimRead = 1,  // reads guest-visible data
  kClaimWrite = 2,
  kClaimResize = 4,
  kClaimUnshareWrite = 8,  // nobody else may write
  kClaimUnshareResize = 16,
};

// A transfer's length; longer ones are split.
inline constexpr uint64_t kMaxTransferBytes = 4 << 20;
// A frame's length.
inline constexpr uint64_t kMaxFrameBytes = 64 << 10;

struct Request {
  Call call;            // in
  uint16_t slot;        // in
  uint32_t flags;       // in
  uint64_t tag;         // in: the guest's own; comes back in the completion
  uint64_t offset;      // in: bytes
  uint64_t length;      // in: bytes
  GuestAddress buffer;  // in
  uint64_t offset2;     // in: bytes
  uint32_t slot2;       // in
  uint32_t reserved0;
  uint64_t reserved1;
};
static_assert(sizeof(Request) == 64 && offsetof(Request, buffer) == 32);

struct Completion {
  uint64_t tag;
  int64_t result;  // as the call says, or a negative errno
};
static_assert(sizeof(Completion) == 16);

enum HostExtentFlag : uint32_t { kHostExtentData = 1 };

struct HostExtent {
  uint64_t offset;  // bytes
  uint64_t length;
  uint32_t flags;
  uint32_t reserved;
};
static_assert(sizeof(HostExtent) == 24);

// ---- The ring -------------------------------------------------------------
// One a vCPU. Counters only grow, modulo 2^32; entry i is at i % kRingEntries.
// A vCPU has at most kRingEntries requests without a consumed completion.

inline constexpr uint32_t kRingEntries = 256;

// Values of Ring::doorbell_value and of the store to kDoorbellAddress.
enum Doorbell : uint32_t {
  kDoorbellKick = 1,   // requests are there; do not stop me
  kDoorbellSleep = 2,  // also: resume me when event != observed_event
};

struct Ring {
  // Written by the guest.
  alignas(64) uint32_t submitted;  // requests ever submitted
  uint32_t consumed;               // completions ever consumed
  uint32_t observed_event;         // for kDoorbellSleep
  uint32_t sleeping;               // process jail: 1 while it waits on `event`
  uint32_t doorbell;               // process jail: futex word, bumped to ring
  uint32_t doorbell_value;         // process jail: Doorbell
  // Written by the host.
  alignas(64) uint32_t completed;  // completions ever posted
  uint32_t event;  // bumped after each batch of completions and each kWake;
                   // process jail: the futex word that the guest sleeps on
  alignas(64) Completion completions[kRingEntries];
  alignas(64) Request requests[kRingEntries];
};
static_assert(sizeof(Ring) <= kRingStride && alignof(Ring) == 64);
static_assert(offsetof(Ring, completed) == 64 &&
              offsetof(Ring, completions) == 128);

// ---- The guest binary -----------------------------------------------------
// A static ELF64 whose first loaded bytes are this header, at kImageOffset.
struct ImageHeader {
  uint64_t magic;  // kImageMagic
  uint32_t version;
  uint32_t reserved;
};
inline constexpr uint64_t kImageMagic = 0x5453'4755'4754'534e;

}  // namespace instar::abi
