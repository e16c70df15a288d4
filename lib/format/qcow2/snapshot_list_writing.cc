// A new snapshot table, written record by record, with what extra data the
// image has kept.
#include "lib/base/checked.h"
#include "lib/base/errno.h"
#include "lib/format/qcow2/layout.h"
#include "lib/format/qcow2/overlap.h"
#include "lib/format/qcow2/snapshot_list.h"

namespace instar::qcow2 {
namespace {

constexpr uint64_t kBufferBytes = 64 * 1024;
constexpr uint64_t kPadding = 8;

uint64_t BytesOf(const SnapshotRecord& record) {
  return SnapshotLayout::kSize +
         Max(record.extra_bytes, SnapshotExtraLayout::kSize) + record.id_bytes +
         record.name_bytes;
}

uint64_t Padded(uint64_t bytes) {
  return (bytes + kPadding - 1) & ~(kPadding - 1);
}

}  // namespace

Status SnapshotList::Measure(const SnapshotRecord* removed) {
  bytes_ = 0;
  count_ = 0;
  old_bytes_ = 0;
  SnapshotRecord record;
  bool more = TRY(Next(nullptr, record));
  while (more) {
    if (removed == nullptr || record.index != removed->index) {
      bytes_ = Padded(bytes_) + BytesOf(record);
      ++count_;
    }
    old_bytes_ = record.end() - image_->header.snapshots_offset;
    const SnapshotRecord last = record;
    more = TRY(Next(&last, record));
  }
  return {};
}

Status SnapshotList::Rewrite(const SnapshotRecord* removed,
                             const SnapshotRecord* added, ByteView id,
                             ByteView name) {
  old_offset_ = image_->header.snapshots_offset;
  TRY(Measure(removed));
  if (added != nullptr) {
    bytes_ = Padded(bytes_) + BytesOf(*added);
    ++count_;
  }
  if (bytes_ > kMaxSnapshotTableBytes) {
    return Error{.fault = Fault::kErrno, .error = kEfbig};
  }
  const uint64_t clusters = image_->geometry().Clusters(bytes_);
  offset_ = clusters == 0 ? 0 : TRY(AllocateApart(*image_, clusters));
  buffer_ = TRY(image_->arena().Allocate(kBufferBytes));
  written_ = 0;
  buffered_ = 0;
  SnapshotRecord record;
  bool more = TRY(Next(nullptr, record));
  while (more) {
    if (removed == nullptr || record.index != removed->index) {
      TRY(PutRecord(record));
    }
    const SnapshotRecord last = record;
    more = TRY(Next(&last, record));
  }
  if (added != nullptr) {
    TRY(PutFixed(*added));
    TRY(Put(id));
    TRY(Put(name));
  }
  TRY(Flush());
  INSTAR_CHECK(written_ == bytes_);
  image_->header.snapshots_offset = offset_;
  image_->header.num_snapshots = count_;
  return {};
}

Status SnapshotList::FreeOld() {
  return image_->refcounts().Free(old_offset_, old_bytes_, true);
}

Status SnapshotList::PutRecord(const SnapshotRecord& record) {
  TRY(PutFixed(record));
  const uint64_t known = Min(record.extra_bytes, SnapshotExtraLayout::kSize);
  TRY(PutCopy(record.extra_offset + known, record.extra_bytes - known));
  return PutCopy(record.id_offset, record.id_bytes + record.name_bytes);
}

// What has a place of its own, with zeroes before it up to that.
Status SnapshotList::PutFixed(const SnapshotRecord& record) {
  using L = SnapshotLayout;
  using X = SnapshotExtraLayout;
  const uint64_t at = written_ + buffered_;
  uint8_t zeroes[kPadding] = {};
  TRY(Put(ByteView(zeroes, Padded(at) - at)));
  uint8_t bytes[L::kSize + X::kSize] = {};
  const MutableBytes out(bytes, sizeof bytes);
  const uint32_t l1_entries = TRY(Narrow<uint32_t>(record.l1_entries));
  const uint16_t id_bytes = TRY(Narrow<uint16_t>(record.id_bytes));
  const uint16_t name_bytes = TRY(Narrow<uint16_t>(record.name_bytes));
  const auto state32 = Narrow<uint32_t>(record.vm_state_size);
  const uint64_t extra = Max(record.extra_bytes, X::kSize);
  const uint32_t extra_bytes = TRY(Narrow<uint32_t>(extra));
  TRY(out.Put<Be64>(L::kL1TableOffset.offset, record.l1_offset));
  TRY(out.Put<Be32>(L::kL1Size.offset, l1_entries));
  TRY(out.Put<Be16>(L::kIdBytes.offset, id_bytes));
  TRY(out.Put<Be16>(L::kNameBytes.offset, name_bytes));
  TRY(out.Put<Be32>(L::kDateSec.offset, record.date_sec));
  TRY(out.Put<Be32>(L::kDateNsec.offset, record.date_nsec));
  TRY(out.Put<Be64>(L::kVmClockNsec.offset, record.vm_clock_nsec));
  TRY(out.Put<Be32>(L::kVmStateSize32.offset,
                    state32.ok() ? state32.value() : 0));
  TRY(out.Put<Be32>(L::kExtraBytes.offset, extra_bytes));
  TRY(out.Put<Be64>(L::kSize + X::kVmStateSize.offset, record.vm_state_size));
  TRY(out.Put<Be64>(L::kSize + X::kDiskSize.offset, record.disk_size));
  TRY(out.Put<Be64>(L::kSize + X::kIcount.offset, record.icount));
  return Put(out.view());
}

Status SnapshotList::PutCopy(uint64_t offset, uint64_t length) {
  constexpr uint64_t kPiece = 4096;
  uint8_t bytes[kPiece];
  for (uint64_t done = 0; done < length; done += kPiece) {
    const MutableBytes piece(bytes, Min(kPiece, length - done));
    TRY(image_->cache().Copy(offset + done, piece));
    TRY(Put(piece.view()));
  }
  return {};
}

Status SnapshotList::Put(ByteView bytes) {
  if (bytes.size() > buffer_.size() - buffered_) {
    TRY(Flush());
  }
  TRY(buffer_.PutBytes(buffered_, bytes));
  buffered_ += bytes.size();
  return {};
}

Status SnapshotList::Flush() {
  if (buffered_ != 0) {
    const ByteView bytes = buffer_.Prefix(buffered_).view();
    TRY(image_->file().WriteAt(offset_ + written_, bytes));
  }
  written_ += buffered_;
  buffered_ = 0;
  return {};
}

}  // namespace instar::qcow2
