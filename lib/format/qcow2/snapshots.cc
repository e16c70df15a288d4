#include "lib/format/qcow2/snapshots.h"

#include <limits>

#include "lib/base/checked.h"
#include "lib/format/qcow2/extensions.h"

namespace instar::qcow2 {
namespace {

// qemu-img lists no more of an id and of a name.
constexpr uint64_t kMaxIdBytes = 127;
constexpr uint64_t kMaxNameBytes = 255;
// Extra data that this program knows: SnapshotExtraLayout.
constexpr uint64_t kKnownExtraBytes = 24;
// Longer texts are never asked for: proto/guest.options.
constexpr uint64_t kMaxWantedBytes = 1024;
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

// Calls `visit` with every record of the table and its offset.
template <typename Visitor>
Status ForEachRecord(BlockCache& cache, const Header& header, Visitor visit) {
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
      return Error{.fault = Fault::kQcow2SnapshotTableTooBig,
                   .value = header.num_snapshots - i};
    }
    TRY(visit(raw, at));
    at = end;
  }
  return {};
}

// Whether the `length` bytes of text at `offset` are `wanted`.
Result<bool> IsText(BlockCache& cache, uint64_t offset, uint64_t length,
                    ByteView wanted) {
  // One byte more than any text that is asked for.
  uint8_t bytes[kMaxWantedBytes + 1];
  const MutableBytes text(bytes, Min(length, sizeof bytes));
  TRY(cache.Copy(offset, text));
  return UpToZero(text.view()).Equals(wanted);
}

Result<bool> IsChosen(BlockCache& cache, const Raw& raw, uint64_t offset,
                      const SnapshotChoice& choice) {
  using L = SnapshotLayout;
  const uint64_t id_offset = offset + L::kSize + raw.Get<L::kExtraBytes>();
  const uint64_t id_bytes = raw.Get<L::kIdBytes>();
  if (choice.has_id && !TRY(IsText(cache, id_offset, id_bytes, choice.id))) {
    return false;
  }
  return !choice.has_name || TRY(IsText(cache, id_offset + id_bytes,
                                        raw.Get<L::kNameBytes>(), choice.name));
}

}  // namespace

Status WalkSnapshots(BlockCache& cache, const Header& header,
                     FactsVisitor* visitor) {
  return ForEachRecord(
      cache, header, [&cache, visitor](const Raw& raw, uint64_t at) -> Status {
        return visitor == nullptr ? Status() : Visit(cache, raw, at, *visitor);
      });
}

Result<SnapshotL1> FindSnapshot(BlockCache& cache, const Header& header,
                                const SnapshotChoice& choice) {
  bool found = false;
  SnapshotL1 table;
  const auto compare = [&](const Raw& raw, uint64_t at) -> Status {
    if (!found && TRY(IsChosen(cache, raw, at, choice))) {
      found = true;
      table = {.offset = raw.Get<SnapshotLayout::kL1TableOffset>(),
               .num_entries = raw.Get<SnapshotLayout::kL1Size>()};
    }
    return {};
  };
  TRY(ForEachRecord(cache, header, compare));
  if (!found) {
    return Error{.fault = Fault::kSnapshotMissing};
  }
  if (table.num_entries > kMaxL1Bytes / kL1EntryBytes) {
    return Error{.fault = Fault::kQcow2SnapshotL1TooLarge,
                 .value = table.num_entries};
  }
  constexpr uint64_t kMaxOffset = std::numeric_limits<int64_t>::max();
  if (table.offset > kMaxOffset - table.num_entries * kL1EntryBytes ||
      table.offset % header.cluster_size() != 0) {
    return Error{.fault = Fault::kQcow2SnapshotL1Offset, .value = table.offset};
  }
  return table;
}

}  // namespace instar::qcow2
