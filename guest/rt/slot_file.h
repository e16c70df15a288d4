// A slot of the host's file table as lib/ sees files, and the opener that asks
// the host for more of them. Every call waits for its answer; bulk data goes
// through Requests directly (guest/convert).
#pragma once

#include <cstdint>

#include "gen/guest.npb.h"
#include "guest/rt/pending_writes.h"
#include "guest/rt/requests.h"
#include "lib/base/arena.h"
#include "lib/base/file.h"
#include "lib/base/opener.h"
#include "lib/base/result.h"

namespace instar::guest {

class SlotFile final : public File {
 public:
  SlotFile(uint32_t slot, const abi::SlotInfo& info)
      : slot_(slot), info_(info), size_(info.size_bytes) {}

  // The file in one of the slots that were open at start.
  static Result<File*> AtBoot(Arena& arena, uint32_t slot);

  uint32_t slot() const override { return slot_; }
  uint64_t size() const override { return size_; }
  uint64_t allocated() const override { return info_.allocated_bytes; }
  uint32_t request_alignment() const override {
    return info_.request_alignment == 0 ? 1 : info_.request_alignment;
  }
  Status ReadAt(uint64_t offset, MutableBytes out) override;
  Status ReadEach(const FileRead* reads, uint64_t count) override;
  Status WriteAt(uint64_t offset, ByteView bytes) override;
  Status WriteZeroes(uint64_t offset, uint64_t length, bool may_unmap) override;
  Status Reserve(uint64_t offset, uint64_t length) override;
  Status Truncate(uint64_t size, FilePreallocation preallocation) override;
  Status Flush() override;
  Result<FileExtent> Extent(uint64_t offset, uint64_t length) override;

  // The file reads as zeroes wherever it was never written.
  bool reads_zero() const { return (info_.flags & abi::kSlotReadsZero) != 0; }
  bool is_block_device() const {
    return (info_.flags & abi::kSlotBlockDevice) != 0;
  }
  // While it is set, writes end exactly where they are asked to, whatever the
  // cache mode (abi::kWriteExact).
  void set_exact_writes(bool exact) { exact_writes_ = exact; }
  // Four bytes of a new file, from `offset` on, that WriteAt writes do not
  // reach the file until Release: whatever ends the program before leaves a
  // file that no one takes for a finished image.
  void HoldBack(uint64_t offset) {
    held_offset_ = offset;
    is_held_ = true;
  }
  // Errors: kErrno.
  Status Release();
  // Writes that went past this class end before any Flush; with
  // `before_writes` before WriteAt, too, which then fail as they did. Null:
  // there are none.
  void WaitsFor(PendingWrites* pending, bool before_writes) {
    pending_ = pending;
    waits_to_write_ = before_writes;
  }
  // A write that did not go through WriteAt reached up to `end`.
  void GrownTo(uint64_t end) { size_ = end > size_ ? end : size_; }

 private:
  // Reads of ReadEach on their way at a time.
  static constexpr uint64_t kMaxReads = 64;
  // Requests on their way that nobody waits for before Flush.
  static constexpr uint32_t kMaxLater = 64;

  Status WriteRange(uint64_t offset, ByteView bytes);
  Status AwaitPending() const;
  void ShowHeld(uint64_t offset, MutableBytes out) const;
  Result<FileExtent> ExtentAhead(uint64_t offset, uint64_t length);
  static void OnLaterDone(Ticket& ticket);
  Status ReadBatch(const FileRead* reads, uint64_t count);

  uint32_t slot_;
  abi::SlotInfo info_;
  uint64_t size_;
  bool exact_writes_ = false;
  PendingWrites* pending_ = nullptr;
  bool waits_to_write_ = false;
  bool is_held_ = false;
  uint64_t held_offset_ = 0;
  uint8_t held_[abi::kHeldMagicBytes] = {};
  Ticket later_[kMaxLater];
  uint32_t next_later_ = 0;
  int64_t later_error_ = 0;  // the first one's, negative errno
};

// Takes the image locks of `file`; `flags` are abi::ClaimFlag.
// Errors: kLocked.
Status Claim(const File& file, uint32_t flags);

class HostOpener final : public Opener {
 public:
  explicit HostOpener(Arena& arena) : arena_(&arena) {}

  OpenRules rules() const override;
  Result<File*> Open(const File& from, ReferenceRole role, ByteView name,
                     ByteView format) override;
  void Warn(Fault fault) override;
  // The file of a layer that `commit` may write (ROLE_COMMIT_BASE), in the slot
  // that it has. Errors: kReference, with ENOENT where another one is meant.
  Result<File*> OpenForWriting(const File& layer);
  // The command's own output (proto.Role ROLE_TARGET and ROLE_TARGET_DATA):
  // the host creates it now, or opens what is there.
  Result<File*> OpenOutput(instar_proto_Role role);

 private:
  Result<File*> Ask(uint32_t from, instar_proto_Role role, ByteView name,
                    ByteView format);

  Arena* arena_;
  MutableBytes buffer_;  // of references, once there is one
};

}  // namespace instar::guest
