#include "lib/format/qcow2/snapshots.h"

#include "lib/base/checked.h"
#include "lib/format/qcow2/extensions.h"

namespace instar::qcow2 {
namespace {

// qemu-img lists no more of an id and of a name.
constexpr uint64_t kMaxIdBytes = 127;
constexpr uint64_t kMaxNameBytes = 255;
// Extra data that this program knows: SnapshotExtraLayout.
constexpr uint64_t kKnownExtraBytes = 24;
constexpr uint64_t kNoIcount = ~uint64_t{0};

using Raw = FixedView<SnapshotLayout::kSize>;

// Takes what there is of `extra`, `length` bytes of which the image has.
void ApplyExtra(ByteView extra, uint64_t length, SnapshotFacts& facts) {
  using L = SnapshotExtraLayout;
  const auto has = [length](uint64_t offset) { return length >= offset + 8; };
  const auto at = [extra](Be64 field) {
    return extra.At<Be64>(field.offset).value();
  };
  if (has(L::kVmStateSize.offset)) {
    facts.vm_state_size = at(L::kVmStateSize);
  }
  if (has(L::kIcount.offset)) {
    facts.icount = at(L::kIcount);
    facts.has_icount = facts.icount != kNoIcount;
  }
}

// Tells `visitor` of the snapshot whose record, at `offset`, starts with `raw`.
Status Visit(BlockCache& cache, const Raw& raw, uint64_t offset,
             FactsVisitor& visitor) {
  using L = SnapshotLayout;
  SnapshotFacts facts = {
      .vm_state_size = raw.Get<L::kVmStateSize32>(),
      .date_sec = raw.Get<L::kDateSec>(),
      .date_nsec = raw.Get<L::kDateNsec>(),
      .vm_clock_nsec = raw.Get<L::kVmClockNsec>(),
  };
  const uint64_t extra_bytes = raw.Get<L::kExtraBytes>();
  const uint64_t extra_offset = offset + L::kSize;
  uint8_t extra[kKnownExtraBytes] = {};
  TRY(cache.Copy(extra_offset,
                 MutableBytes(extra, Min(extra_bytes, sizeof extra))));
  ApplyExtra(ByteView(extra, sizeof extra), extra_bytes, facts);

  const uint64_t id_bytes = raw.Get<L::kIdBytes>();
  const uint64_t id_offset = extra_offset + extra_bytes;
  uint8_t id[kMaxIdBytes];
  const MutableBytes id_text(id, Min(id_bytes, sizeof id));
  TRY(cache.Copy(id_offset, id_text));
  facts.id = UpToZero(id_text.view());

  uint8_t name[kMaxNameBytes];
  const MutableBytes name_text(name,
                               Min(raw.Get<L::kNameBytes>(), sizeof name));
  TRY(cache.Copy(id_offset + id_bytes, name_text));
  facts.name = UpToZero(name_text.view());
  return visitor.OnSnapshot(facts);
}

}  // namespace

Status WalkSnapshots(BlockCache& cache, const Header& header,
                     FactsVisitor* visitor) {
  using L = SnapshotLayout;
  uint64_t at = header.snapshots_offset;
  for (uint64_t i = 0; i < header.num_snapshots; ++i) {
    at = TRY(CheckedAlignUp(at, 8));
    uint8_t bytes[L::kSize];
    TRY(cache.Copy(at, MutableBytes(bytes, sizeof bytes)));
    const Raw raw(bytes);
    const uint64_t extra_bytes = raw.Get<L::kExtraBytes>();
    if (extra_bytes > kMaxSnapshotExtraBytes) {
      return Error{.fault = Fault::kQcow2SnapshotExtra, .value = i};
    }
    // Three lengths of 32 bits at most: the sum stays far below 2^64, as
    // the table itself starts below 2^63.
    const uint64_t end = at + L::kSize + extra_bytes + raw.Get<L::kIdBytes>() +
                         raw.Get<L::kNameBytes>();
    if (end - header.snapshots_offset > kMaxSnapshotTableBytes) {
      return Error{.fault = Fault::kQcow2SnapshotTableTooBig, .value = i};
    }
    if (visitor != nullptr) {
      TRY(Visit(cache, raw, at, *visitor));
    }
    at = end;
  }
  return {};
}

}  // namespace instar::qcow2
