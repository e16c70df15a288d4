#include "lib/format/qcow2/snapshot_list.h"

#include "lib/base/checked.h"
#include "lib/format/qcow2/extensions.h"
#include "lib/format/qcow2/layout.h"

namespace instar::qcow2 {
namespace {

// Longer texts are never asked for: proto/guest.options.
constexpr uint64_t kMaxWantedBytes = 1024;
// Longer ids hold no number that qemu-img would read to its end.
constexpr uint64_t kMaxIdBytes = 128;

// The number that `text` begins with, as strtoul has it in base 10.
uint64_t NumberOf(ByteView text) {
  uint64_t number = 0;
  for (uint64_t i = 0; i < text.size(); ++i) {
    const uint64_t digit = uint64_t{text.At<U8>(i).value()} - '0';
    const auto shifted = CheckedMul(number, 10);
    if (digit > 9) {
      break;
    }
    if (!shifted.ok() || !CheckedAdd(shifted.value(), digit).ok()) {
      return ~uint64_t{0};
    }
    number = shifted.value() + digit;
  }
  return number;
}

}  // namespace

Result<bool> SnapshotList::Next(const SnapshotRecord* after,
                                SnapshotRecord& record) {
  using L = SnapshotLayout;
  using X = SnapshotExtraLayout;
  const Header& header = image_->header;
  const uint64_t index = after == nullptr ? 0 : after->index + 1;
  if (index >= header.num_snapshots) {
    return false;
  }
  const uint64_t start = after == nullptr
                             ? header.snapshots_offset
                             : TRY(CheckedAlignUp(after->end(), 8));
  uint8_t bytes[L::kSize];
  TRY(image_->cache().Copy(start, MutableBytes(bytes, sizeof bytes)));
  const FixedView<L::kSize> raw(bytes);
  record = {.index = index,
            .l1_offset = raw.Get<L::kL1TableOffset>(),
            .l1_entries = raw.Get<L::kL1Size>(),
            .date_sec = raw.Get<L::kDateSec>(),
            .date_nsec = raw.Get<L::kDateNsec>(),
            .vm_clock_nsec = raw.Get<L::kVmClockNsec>(),
            .vm_state_size = raw.Get<L::kVmStateSize32>(),
            .disk_size = header.virtual_size()};
  record.extra_offset = start + L::kSize;
  record.extra_bytes = raw.Get<L::kExtraBytes>();
  if (record.extra_bytes > kMaxSnapshotExtraBytes) {
    return Error{.fault = Fault::kQcow2SnapshotExtra, .value = index};
  }
  record.id_offset = record.extra_offset + record.extra_bytes;
  record.id_bytes = raw.Get<L::kIdBytes>();
  record.name_offset = record.id_offset + record.id_bytes;
  record.name_bytes = raw.Get<L::kNameBytes>();
  if (record.end() - header.snapshots_offset > kMaxSnapshotTableBytes) {
    return Error{.fault = Fault::kQcow2SnapshotTableTooBig,
                 .value = header.num_snapshots - index};
  }
  uint8_t extra[X::kSize] = {};
  const MutableBytes known(extra, Min(record.extra_bytes, sizeof extra));
  TRY(image_->cache().Copy(record.extra_offset, known));
  const FixedView<X::kSize> more(extra);
  if (known.size() >= X::kDiskSize.offset) {
    record.vm_state_size = more.Get<X::kVmStateSize>();
  }
  if (known.size() >= X::kIcount.offset) {
    record.disk_size = more.Get<X::kDiskSize>();
  }
  if (known.size() == X::kSize) {
    record.icount = more.Get<X::kIcount>();
  }
  return true;
}

// ---- Looking for one --------------------------------------------------------

Result<bool> SnapshotList::IsText(uint64_t offset, uint64_t length,
                                  ByteView text) {
  // One byte more than any text that is asked for.
  uint8_t bytes[kMaxWantedBytes + 1];
  const MutableBytes stored(bytes, Min(length, sizeof bytes));
  TRY(image_->cache().Copy(offset, stored));
  return UpToZero(stored.view()).Equals(text);
}

Result<bool> SnapshotList::FindName(ByteView name, SnapshotRecord& record) {
  bool more = TRY(Next(nullptr, record));
  // At most kMaxSnapshots rounds.
  while (more && !TRY(IsText(record.name_offset, record.name_bytes, name))) {
    const SnapshotRecord last = record;
    more = TRY(Next(&last, record));
  }
  return more;
}

Result<bool> SnapshotList::FindIdOrName(ByteView text, SnapshotRecord& record) {
  bool more = TRY(Next(nullptr, record));
  while (more && !TRY(IsText(record.id_offset, record.id_bytes, text))) {
    const SnapshotRecord last = record;
    more = TRY(Next(&last, record));
  }
  return more ? Result<bool>(true) : FindName(text, record);
}

Result<uint64_t> SnapshotList::IdOf(const SnapshotRecord& record) {
  uint8_t bytes[kMaxIdBytes];
  const MutableBytes id(bytes, Min(record.id_bytes, sizeof bytes));
  TRY(image_->cache().Copy(record.id_offset, id));
  return NumberOf(UpToZero(id.view()));
}

Result<uint64_t> SnapshotList::NewId() {
  uint64_t greatest = 0;
  SnapshotRecord record;
  bool more = TRY(Next(nullptr, record));
  while (more) {
    const uint64_t id = TRY(IdOf(record));
    greatest = Max(greatest, id);
    const SnapshotRecord last = record;
    more = TRY(Next(&last, record));
  }
  return greatest + 1;
}

}  // namespace instar::qcow2
