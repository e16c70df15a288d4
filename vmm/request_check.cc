#include "vmm/request_check.h"

#include <algorithm>
#include <cstddef>

#include "vmm/open_file.h"

namespace instar::vmm {
namespace {

// A reference's answer is stored where its name was.
constexpr uint64_t kReferenceBufferBytes = 64;
constexpr uint64_t kMaxFileOffset = INT64_MAX;

enum class Buffer : uint8_t { kNone, kHostReads, kHostWrites };

// What a call demands; a row each.
struct Rule {
  abi::Call call;
  const char* name;
  bool file = false;    // slot names an open file
  bool writes = false;  // … that is writable
  bool range = false;   // [offset, +length) is a file range
  uint32_t flags = 0;   // allowed ones
  uint64_t max_length = UINT64_MAX;
  Buffer buffer = Buffer::kNone;  // of `length` bytes
};

using abi::Call;

constexpr Rule kRules[] = {
    {Call::kRead, "read", true, false, true, 0, abi::kMaxTransferBytes,
     Buffer::kHostWrites},
    {Call::kWrite, "write", true, true, true, abi::kWriteExact,
     abi::kMaxTransferBytes, Buffer::kHostReads},
    {Call::kZero, "zero", true, true, true, abi::kZeroMayUnmap},
    {Call::kDiscard, "discard", true, true, true},
    {Call::kCopy, "copy", true, false, true},
    {Call::kCompare, "compare", true, false, true},
    {Call::kTruncate, "truncate", true, true, false,
     abi::kTruncateFalloc | abi::kTruncateFull},
    {Call::kFlush, "flush", true},
    {Call::kExtents, "extents", true, false, true},
    {Call::kOpenReference, "open", false, false, false, 0, abi::kMaxFrameBytes},
    {Call::kMessage, "message", false, false, false, 0, abi::kMaxFrameBytes,
     Buffer::kHostReads},
    {Call::kProgress, "progress"},
    {Call::kDone, "done"},
    {Call::kWake, "wake"},
    {Call::kStart, "start"},
    {Call::kClaim, "claim", true, false, false,
     abi::kClaimRead | abi::kClaimWrite | abi::kClaimResize |
         abi::kClaimUnshareWrite | abi::kClaimUnshareResize},
    {Call::kSlotInfo, "slot info", true},
    {Call::kReserve, "reserve", true, true, true},
};

const Rule* RuleOf(abi::Call call) {
  const auto* rule =
      std::find_if(std::begin(kRules), std::end(kRules),
                   [call](const Rule& r) { return r.call == call; });
  return rule == std::end(kRules) ? nullptr : rule;
}

bool IsFileRange(uint64_t offset, uint64_t length) {
  return offset <= kMaxFileOffset && length <= kMaxFileOffset - offset;
}

const char* CheckSecondSlot(const abi::Request& request, bool writes,
                            Files& files) {
  const Files::Entry* second = files.entry(request.slot2);
  if (second == nullptr) {
    return "bad second slot";
  }
  if (writes && !second->writable) {
    return "to a read-only file";
  }
  return IsFileRange(request.offset2, request.length)
             ? nullptr
             : "second offset out of range";
}

const char* CheckBuffer(const abi::Request& request, Buffer use,
                        const GuestMemory& memory) {
  uint64_t length = request.length;
  if (request.call == Call::kExtents) {
    use = Buffer::kHostWrites;
    length = uint64_t{request.slot2} * sizeof(abi::HostExtent);
    if (length > abi::kMaxTransferBytes) {
      return "length over the limit";
    }
  } else if (request.call == Call::kOpenReference) {
    use = Buffer::kHostWrites;
    length = std::max(length, kReferenceBufferBytes);
  } else if (request.call == Call::kSlotInfo) {
    use = Buffer::kHostWrites;
    length = sizeof(abi::SlotInfo);
  }
  const bool fine = use == Buffer::kNone ||
                    (use == Buffer::kHostReads
                         ? memory.Readable(request.buffer, length).has_value()
                         : memory.Writable(request.buffer, length).has_value());
  return fine ? nullptr : "buffer outside the guest's memory";
}

// What belongs to one call only.
const char* CheckOwn(const abi::Request& request, uint32_t num_vcpus,
                     Files& files) {
  const abi::Call call = request.call;
  if (call == Call::kCopy || call == Call::kCompare) {
    return CheckSecondSlot(request, call == Call::kCopy, files);
  }
  if (call == Call::kTruncate &&
      (request.offset > kMaxFileOffset || request.flags > abi::kTruncateFull)) {
    return "bad length or flags";
  }
  if (call == Call::kDone && request.offset > 1) {
    return "unknown status";
  }
  if ((call == Call::kWake && request.offset >= num_vcpus) ||
      (call == Call::kStart &&
       (request.offset == 0 || request.offset >= num_vcpus))) {
    return "bad vCPU";
  }
  if (call == Call::kClaim &&
      (request.flags & (abi::kClaimWrite | abi::kClaimResize)) != 0 &&
      !files.entry(request.slot)->writable) {
    return "for writing of a read-only file";
  }
  return nullptr;
}

const char* FindBreach(const abi::Request& request, const Rule& rule,
                       uint32_t num_vcpus, Files& files,
                       const GuestMemory& memory) {
  if ((request.flags & ~rule.flags) != 0) {
    return "unknown flags";
  }
  if (rule.file) {
    const Files::Entry* entry = files.entry(request.slot);
    if (entry == nullptr) {
      return "bad slot";
    }
    if (rule.writes && !entry->writable) {
      return "to a read-only file";
    }
  }
  if (rule.range && !IsFileRange(request.offset, request.length)) {
    return "offset out of range";
  }
  if (request.length > rule.max_length) {
    return "length over the limit";
  }
  const char* breach = CheckOwn(request, num_vcpus, files);
  return breach != nullptr ? breach : CheckBuffer(request, rule.buffer, memory);
}

}  // namespace

std::string CheckRequest(const abi::Request& request, uint32_t num_vcpus,
                         Files& files, const GuestMemory& memory) {
  const Rule* rule = RuleOf(request.call);
  if (rule == nullptr) {
    return "unknown call " +
           std::to_string(static_cast<uint16_t>(request.call));
  }
  const char* breach = FindBreach(request, *rule, num_vcpus, files, memory);
  return breach == nullptr ? "" : std::string(rule->name) + ": " + breach;
}

bool IsFileCall(abi::Call call) {
  return (call >= Call::kRead && call <= Call::kExtents) ||
         call == Call::kReserve;
}

}  // namespace instar::vmm
