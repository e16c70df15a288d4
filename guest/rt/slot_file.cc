#include "guest/rt/slot_file.h"

#include <pb_encode.h>

#include "guest/rt/context.h"
#include "guest/rt/findings.h"
#include "guest/rt/known_extents.h"
#include "lib/base/checked.h"

namespace instar::guest {
namespace {

Requests& Mine() {
  return Requests::Of(CurrentVcpu());
}

Error FileError(int64_t result, uint64_t offset) {
  return {.fault = Fault::kErrno,
          .value = offset,
          .error = static_cast<int32_t>(-result)};
}

constinit KnownExtents known_extents;

Status StatusOf(int64_t result, uint64_t offset) {
  if (result < 0) {
    return FileError(result, offset);
  }
  return {};
}

}  // namespace

Result<File*> SlotFile::AtBoot(Arena& arena, uint32_t slot) {
  INSTAR_CHECK(slot < boot().num_slots && slot < abi::kBootSlots);
  TRY(known_extents.Prepare(arena));
  SlotFile* file = TRY(arena.New<SlotFile>(slot, boot().slots[slot]));
  return static_cast<File*>(file);
}

Status SlotFile::ReadAt(uint64_t offset, MutableBytes out) {
  uint64_t done = 0;
  while (done < out.size()) {
    const uint64_t length = Min(out.size() - done, abi::kMaxTransferBytes);
    const MutableBytes part = TRY(out.Slice(done, length));
    const uint64_t position = TRY(CheckedAdd(offset, done));
    // Where the request leaves what a file can hold there is only emptiness.
    if (position > INT64_MAX - length) {
      part.Fill(0);
      done += length;
      continue;
    }
    const int64_t result = Mine().Call({.call = abi::Call::kRead,
                                        .slot = static_cast<uint16_t>(slot_),
                                        .offset = position,
                                        .length = length,
                                        .buffer = AddressOf(part.data())});
    if (result < 0) {
      return FileError(result, position);
    }
    const auto got = static_cast<uint64_t>(result);
    INSTAR_CHECK(got <= length);
    const MutableBytes rest = TRY(part.Slice(got, length - got));
    rest.Fill(0);
    done += length;
  }
  ShowHeld(offset, out);
  return {};
}

// Puts what is held back where [offset, +out) has it.
void SlotFile::ShowHeld(uint64_t offset, MutableBytes out) const {
  for (uint64_t i = 0; is_held_ && i < abi::kHeldMagicBytes; ++i) {
    const uint64_t at = held_offset_ + i;
    if (at >= offset && at - offset < out.size()) {
      out.data()[at - offset] = held_[i];
    }
  }
}

Status SlotFile::ReadEach(const FileRead* reads, uint64_t count) {
  for (uint64_t done = 0; done < count; done += kMaxReads) {
    TRY(ReadBatch(reads + done, Min(count - done, kMaxReads)));
  }
  return {};
}

// All that one request can do are on their way together.
Status SlotFile::ReadBatch(const FileRead* reads, uint64_t count) {
  Ticket tickets[kMaxReads];
  Status status;
  for (uint64_t i = 0; i < count; ++i) {
    const FileRead& read = reads[i];
    const uint64_t length = read.out.size();
    if (length == 0 || length > abi::kMaxTransferBytes ||
        read.offset > INT64_MAX - length) {
      const Status alone = ReadAt(read.offset, read.out);
      if (!alone.ok()) {
        status = alone;
      }
      tickets[i].result = static_cast<int64_t>(length);
      continue;
    }
    Mine().Submit({.call = abi::Call::kRead,
                   .slot = static_cast<uint16_t>(slot_),
                   .offset = read.offset,
                   .length = length,
                   .buffer = AddressOf(read.out.data())},
                  tickets[i]);
  }
  for (uint64_t i = 0; i < count; ++i) {
    Mine().Await(tickets[i]);
    const int64_t result = tickets[i].result;
    if (result < 0) {
      status = FileError(result, reads[i].offset);
      continue;
    }
    const auto got = static_cast<uint64_t>(result);
    const MutableBytes& out = reads[i].out;
    INSTAR_CHECK(got <= out.size());
    MutableBytes(out.data() + got, out.size() - got).Fill(0);
    ShowHeld(reads[i].offset, out);
  }
  return status;
}

Status SlotFile::WriteAt(uint64_t offset, ByteView bytes) {
  const uint64_t end = TRY(CheckedAdd(offset, bytes.size()));
  const uint64_t first = Max(offset, held_offset_);
  const uint64_t behind = Min(end, held_offset_ + abi::kHeldMagicBytes);
  if (!is_held_ || first >= behind) {
    return WriteRange(offset, bytes);
  }
  for (uint64_t at = first; at < behind; ++at) {
    held_[at - held_offset_] = bytes.data()[at - offset];
  }
  TRY(WriteRange(offset, bytes.Prefix(first - offset)));
  return WriteRange(behind, TRY(bytes.Slice(behind - offset, end - behind)));
}

Status SlotFile::Release() {
  if (!is_held_) {
    return {};
  }
  is_held_ = false;
  return WriteRange(held_offset_, ByteView(held_, abi::kHeldMagicBytes));
}

Status SlotFile::AwaitPending() const {
  return pending_ == nullptr ? Status() : pending_->AwaitWrites();
}

Status SlotFile::WriteRange(uint64_t offset, ByteView bytes) {
  if (waits_to_write_) {
    TRY(AwaitPending());
  }
  uint64_t done = 0;
  while (done < bytes.size()) {
    const uint64_t length = Min(bytes.size() - done, abi::kMaxTransferBytes);
    const ByteView part = TRY(bytes.Slice(done, length));
    const uint64_t position = TRY(CheckedAdd(offset, done));
    const uint32_t flags = exact_writes_ ? abi::kWriteExact : 0U;
    const int64_t result = Mine().Call({.call = abi::Call::kWrite,
                                        .slot = static_cast<uint16_t>(slot_),
                                        .flags = flags,
                                        .offset = position,
                                        .length = length,
                                        .buffer = AddressOf(part.data())});
    if (result < 0) {
      return FileError(result, position);
    }
    done += length;
  }
  GrownTo(TRY(CheckedAdd(offset, bytes.size())));
  return {};
}

Status SlotFile::WriteZeroes(uint64_t offset, uint64_t length, bool may_unmap) {
  const uint64_t end = TRY(CheckedAdd(offset, length));
  if (length == 0) {
    return {};
  }
  const int64_t result = Mine().Call(
      {.call = abi::Call::kZero,
       .slot = static_cast<uint16_t>(slot_),
       .flags = static_cast<uint32_t>(may_unmap ? abi::kZeroMayUnmap : 0U),
       .offset = offset,
       .length = length});
  if (result >= 0) {
    GrownTo(end);
  }
  return StatusOf(result, offset);
}

Status SlotFile::Reserve(uint64_t offset, uint64_t length) {
  const uint64_t end = TRY(CheckedAdd(offset, length));
  if (length == 0) {
    return {};
  }
  Ticket& ticket = later_[next_later_];
  next_later_ = (next_later_ + 1) % kMaxLater;
  Mine().Await(ticket);
  ticket.on_done = &OnLaterDone;
  ticket.owner = this;
  Mine().Submit({.call = abi::Call::kReserve,
                 .slot = static_cast<uint16_t>(slot_),
                 .offset = offset,
                 .length = length},
                ticket);
  GrownTo(end);
  return {};
}

void SlotFile::OnLaterDone(Ticket& ticket) {
  auto* file = static_cast<SlotFile*>(ticket.owner);
  if (ticket.result < 0 && file->later_error_ == 0) {
    file->later_error_ = ticket.result;
  }
}

Status SlotFile::Truncate(uint64_t size, FilePreallocation preallocation) {
  const int64_t result =
      Mine().Call({.call = abi::Call::kTruncate,
                   .slot = static_cast<uint16_t>(slot_),
                   .flags = static_cast<uint32_t>(preallocation),
                   .offset = size});
  if (result >= 0) {
    size_ = size;
  }
  return StatusOf(result, size);
}

Status SlotFile::Flush() {
  for (const Ticket& ticket : later_) {
    Mine().Await(ticket);
  }
  TRY(AwaitPending());
  if (later_error_ < 0) {
    return FileError(later_error_, 0);
  }
  return StatusOf(Mine().Call({.call = abi::Call::kFlush,
                               .slot = static_cast<uint16_t>(slot_)}),
                  0);
}

Result<FileExtent> SlotFile::Extent(uint64_t offset, uint64_t length) {
  // What is written meanwhile changes the answer, and vCPU 0 alone walks
  // through files.
  const uint64_t end = TRY(CheckedAdd(offset, length));
  if ((info_.flags & abi::kSlotWritable) == 0 && CurrentVcpu() == 0) {
    return ExtentAhead(offset, end - offset);
  }
  abi::HostExtent extent = {};
  const int64_t result = Mine().Call({.call = abi::Call::kExtents,
                                      .slot = static_cast<uint16_t>(slot_),
                                      .offset = offset,
                                      .length = length,
                                      .buffer = AddressOf(&extent),
                                      .slot2 = 1});
  if (result < 0) {
    return FileError(result, offset);
  }
  if (result == 0) {
    return FileExtent{};
  }
  INSTAR_CHECK(extent.offset == offset);
  return FileExtent{.length = Min(extent.length, length),
                    .data = (extent.flags & abi::kHostExtentData) != 0};
}

// The host is asked beyond the range, for what others will want to know.
Result<FileExtent> SlotFile::ExtentAhead(uint64_t offset, uint64_t length) {
  abi::HostExtent extent = known_extents.Find(slot_, offset, length);
  if (extent.length == 0) {
    const uint16_t capacity = known_extents.Ask(slot_, offset);
    const int64_t result =
        Mine().Call({.call = abi::Call::kExtents,
                     .slot = static_cast<uint16_t>(slot_),
                     .offset = offset,
                     .length = Max(length, size() - Min(offset, size())),
                     .buffer = AddressOf(known_extents.buffer()),
                     .slot2 = capacity});
    if (result < 0) {
      return FileError(result, offset);
    }
    INSTAR_CHECK(result <= capacity);
    if (result == 0) {
      return FileExtent{};
    }
    extent = *known_extents.buffer();
    INSTAR_CHECK(extent.offset == offset);
    known_extents.Learn(slot_, static_cast<uint32_t>(result));
  }
  return FileExtent{.length = Min(extent.length, length),
                    .data = (extent.flags & abi::kHostExtentData) != 0};
}

Status Claim(const File& file, uint32_t flags) {
  const int64_t result =
      Mine().Call({.call = abi::Call::kClaim,
                   .slot = static_cast<uint16_t>(file.slot()),
                   .flags = flags});
  if (result < 0) {
    return Error{.fault = Fault::kLocked,
                 .value = file.slot(),
                 .error = static_cast<int32_t>(-result)};
  }
  return {};
}

namespace {

bool EncodeBytes(pb_ostream_t* stream, const pb_field_t* field,
                 void* const* argument) {
  const auto& view = *static_cast<const ByteView*>(*argument);
  return pb_encode_tag_for_field(stream, field) &&
         pb_encode_string(stream, view.data(), view.size());
}

pb_callback_t BytesOf(const ByteView& view) {
  pb_callback_t callback = {};
  callback.funcs.encode = &EncodeBytes;
  callback.arg = const_cast<ByteView*>(&view);
  return callback;
}

// The Reference message; the answer comes back in the same bytes.
constexpr uint64_t kReferenceBytes = 8 << 10;

}  // namespace

Result<File*> HostOpener::Ask(uint32_t from, instar_proto_Role role,
                              ByteView name, ByteView format) {
  instar_proto_Reference reference = instar_proto_Reference_init_zero;
  reference.slot = from;
  reference.role = role;
  reference.name = BytesOf(name);
  reference.format = BytesOf(format);
  if (buffer_.empty()) {
    buffer_ = TRY(arena_->Allocate(kReferenceBytes, 64));
  }
  pb_ostream_t stream = pb_ostream_from_buffer(buffer_.data(), buffer_.size());
  if (!pb_encode(&stream, instar_proto_Reference_fields, &reference)) {
    return Error{.fault = Fault::kOutOfBounds, .value = name.size()};
  }
  const int64_t result = Mine().Call({.call = abi::Call::kOpenReference,
                                      .slot = static_cast<uint16_t>(from),
                                      .length = stream.bytes_written,
                                      .buffer = AddressOf(buffer_.data())});
  if (result < 0) {
    return Error{.fault = Fault::kReference,
                 .value = static_cast<uint64_t>(role),
                 .text = name.data(),
                 .text_bytes = static_cast<uint32_t>(name.size()),
                 .error = static_cast<int32_t>(-result)};
  }
  TRY(known_extents.Prepare(*arena_));
  abi::SlotInfo info = {};
  __builtin_memcpy(&info, buffer_.data(), sizeof info);
  SlotFile* file =
      TRY(arena_->New<SlotFile>(static_cast<uint32_t>(result), info));
  return static_cast<File*>(file);
}

namespace {

instar_proto_Role RoleOf(ReferenceRole role) {
  switch (role) {
    case ReferenceRole::kBacking:
      return instar_proto_Role_ROLE_BACKING;
    case ReferenceRole::kDataFile:
      return instar_proto_Role_ROLE_DATA_FILE;
    case ReferenceRole::kExtent:
      return instar_proto_Role_ROLE_EXTENT;
    case ReferenceRole::kTargetExtent:
      return instar_proto_Role_ROLE_TARGET_EXTENT;
  }
  return instar_proto_Role_ROLE_BACKING;
}

}  // namespace

namespace {

// The largest disk that any format with a limit of its own has: vhdx.
constexpr uint64_t kMaxStrictBytes = uint64_t{64} << 40;

bool IsStrict() {
  return (boot().flags & abi::kBootStrictPolicy) != 0;
}

}  // namespace

OpenRules HostOpener::rules() const {
  if (!IsStrict()) {
    return {};
  }
  return {.raw_needs_table = true, .max_virtual_bytes = kMaxStrictBytes};
}

Result<File*> HostOpener::Open(const File& from, ReferenceRole role,
                               ByteView name, ByteView format) {
  if (IsStrict() && role == ReferenceRole::kBacking && format.empty()) {
    return Error{.fault = Fault::kPolicyFormatMissing,
                 .text = name.data(),
                 .text_bytes = static_cast<uint32_t>(name.size())};
  }
  File* file = TRY(Ask(from.slot(), RoleOf(role), name, format));
  return file;
}

void HostOpener::Warn(Fault fault) {
  ReportWarning({.fault = fault});
}

Result<File*> HostOpener::OpenForWriting(const File& layer) {
  File* file =
      TRY(Ask(layer.slot(), instar_proto_Role_ROLE_COMMIT_BASE, {}, {}));
  return file;
}

Result<File*> HostOpener::OpenOutput(instar_proto_Role role) {
  File* file = TRY(Ask(0, role, {}, {}));
  return file;
}

}  // namespace instar::guest
