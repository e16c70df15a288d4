#include "lib/format/vhdx/log.h"

#include "lib/base/checked.h"
#include "lib/format/vhdx/metadata_file.h"

namespace instar::vhdx {
namespace {

// More changes than a log of 16 MiB full of data holds.
constexpr uint64_t kMaxChanges = 4096;

// The common part of [a, +a_length) and [b, +b_length); neither range wraps.
struct Overlap {
  uint64_t start = 0;
  uint64_t length = 0;
};
Overlap Common(uint64_t a, uint64_t a_length, uint64_t b, uint64_t b_length) {
  const uint64_t start = Max(a, b);
  const uint64_t end = Min(a + a_length, b + b_length);
  return {.start = start, .length = end > start ? end - start : 0};
}

Error Damaged(uint64_t sector) {
  return {.fault = Fault::kVhdxLogDamaged, .value = sector};
}

}  // namespace

Result<bool> Log::HasEntry() {
  bool found = false;
  uint64_t index = 0;
  while (index < region_.num_sectors() && !region_.IsPastEnd(index)) {
    const LogEntry entry = TRY(region_.ReadEntry(index, false));
    found = found || entry.IsValid();
    index += Max(entry.num_sectors, 1);
  }
  return found;
}

Result<Log::Run> Log::RunAt(uint64_t start) {
  Run run = {.start = start};
  while (run.num_sectors < region_.num_sectors()) {
    const LogEntry entry =
        TRY(region_.ReadEntry(start + run.num_sectors, true));
    const bool follows = run.num_entries == 0 ||
                         entry.sequence_number == run.head.sequence_number + 1;
    if (!entry.IsValid() || !follows ||
        entry.num_sectors > region_.num_sectors() - run.num_sectors) {
      break;
    }
    run.num_sectors += entry.num_sectors;
    run.head = entry;
    ++run.num_entries;
  }
  return run;
}

Result<Log::Tail> Log::FindTail(const Run& run) {
  Tail tail;
  uint64_t sector = run.start;
  for (uint64_t n = 0; n < run.num_entries; ++n) {
    const uint64_t place = sector % region_.num_sectors() * kLogSectorBytes;
    const LogEntry entry = TRY(region_.ReadEntry(sector, true));
    if (!entry.IsValid()) {
      return Damaged(sector);  // it was valid a moment ago
    }
    if (place == run.head.tail) {
      tail = {.found = true, .sector = sector};
    }
    if (tail.found) {
      ++tail.num_entries;
      tail.num_changes += entry.num_descriptors;
    }
    sector += entry.num_sectors;
  }
  return tail;
}

Status Log::Load(Arena& arena, uint64_t actual_file_size) {
  Run best;
  Tail best_tail;
  bool found = false;
  uint64_t index = 0;
  while (index < region_.num_sectors() && !region_.IsPastEnd(index)) {
    const Run run = TRY(RunAt(index));
    index += Max(run.num_sectors, 1);
    if (run.num_entries == 0) {
      continue;
    }
    found = true;
    if (best.num_entries != 0 &&
        run.head.sequence_number <= best.head.sequence_number) {
      continue;
    }
    const Tail tail = TRY(FindTail(run));
    if (tail.found) {
      best = run;
      best_tail = tail;
    }
  }
  if (!found) {
    return {};
  }
  if (!best_tail.found || best.head.flushed_file_offset > actual_file_size ||
      !IsReadable(0, best.head.last_file_offset)) {
    return Damaged(best.start);
  }
  if (best_tail.num_changes > kMaxChanges) {
    return Error{.fault = Fault::kVhdxLogTooLarge,
                 .value = best_tail.num_changes};
  }
  changes_ = std::span(TRY(arena.NewArray<Change>(best_tail.num_changes)),
                       best_tail.num_changes);
  file_size_ = best.head.last_file_offset;
  uint64_t sector = best_tail.sector;
  for (uint64_t n = 0; n < best_tail.num_entries; ++n) {
    const LogEntry entry = TRY(region_.ReadEntry(sector, true));
    TRY(AddChanges(sector, entry));
    sector += entry.num_sectors;
  }
  return {};
}

Status Log::AddChanges(uint64_t sector, const LogEntry& entry) {
  uint64_t data = entry.NumDescriptorSectors();
  for (uint64_t n = 0; n < entry.num_descriptors; ++n) {
    const LogDescriptor descriptor = TRY(region_.Descriptor(sector, n));
    const uint64_t length =
        descriptor.is_zero ? descriptor.zero_length : kLogSectorBytes;
    if (num_changes_ == changes_.size() ||
        !IsReadable(descriptor.file_offset, length)) {
      return Damaged(sector);
    }
    Change& change = changes_[num_changes_];
    change = {.offset = descriptor.file_offset,
              .length = length,
              .is_zero = descriptor.is_zero,
              .leading_bytes = descriptor.leading_bytes,
              .trailing_bytes = descriptor.trailing_bytes};
    ++num_changes_;
    if (descriptor.is_zero) {
      continue;
    }
    if (data >= entry.num_sectors) {
      return Damaged(sector);
    }
    change.sector = sector + data;
    TRY(CheckDataSector(change.sector, entry.sequence_number));
    ++data;
  }
  return {};
}

Status Log::CheckDataSector(uint64_t sector, uint64_t sequence_number) {
  using L = DataSectorLayout;
  const ByteView bytes = TRY(region_.Sector(sector));
  const auto raw = TRY(bytes.Fixed<kLogSectorBytes>(0));
  const uint64_t sequence =
      uint64_t{raw.Get<L::kSequenceHigh>()} << 32 | raw.Get<L::kSequenceLow>();
  if (raw.Get<L::kSignature>() != kDataSectorSignature ||
      sequence != sequence_number) {
    return Damaged(sector);
  }
  return {};
}

bool Log::Changes(uint64_t offset, uint64_t length) const {
  for (const Change& change : changes_) {
    if (Common(change.offset, change.length, offset, length).length != 0) {
      return true;
    }
  }
  return false;
}

Status Log::Replay(File& file) {
  if (file_size_ > file.size()) {
    TRY(file.Truncate(file_size_, FilePreallocation::kSparse));
  }
  for (const Change& change : changes_) {
    if (change.is_zero) {
      TRY(file.WriteZeroes(change.offset, change.length, true));
      continue;
    }
    uint8_t sector[kLogSectorBytes];
    TRY(ApplyData(change, 0, MutableBytes(sector, sizeof sector)));
    TRY(file.WriteAt(change.offset, ByteView(sector, sizeof sector)));
  }
  return {};
}

Status Log::Apply(uint64_t offset, MutableBytes out) {
  for (const Change& change : changes_) {
    const Overlap common =
        Common(change.offset, change.length, offset, out.size());
    if (common.length == 0) {
      continue;
    }
    const MutableBytes piece =
        TRY(out.Slice(common.start - offset, common.length));
    if (change.is_zero) {
      piece.Fill(0);
    } else {
      TRY(ApplyData(change, common.start - change.offset, piece));
    }
  }
  return {};
}

// Copies of the sector that `change` writes what is behind its first `skipped`
// bytes. The log keeps its ends in the descriptor, its own fields in their
// place.
Status Log::ApplyData(const Change& change, uint64_t skipped,
                      MutableBytes out) {
  using L = DataSectorLayout;
  uint8_t sector[kLogSectorBytes];
  const MutableBytes whole(sector, sizeof sector);
  const ByteView logged = TRY(region_.Sector(change.sector));
  TRY(whole.PutBytes(0, logged));
  TRY(whole.Put<Le64>(0, change.leading_bytes));
  TRY(whole.Put<Le32>(L::kBodyOffset + L::kBodyBytes, change.trailing_bytes));
  const ByteView wanted = TRY(whole.view().Slice(skipped, out.size()));
  return out.PutBytes(0, wanted);
}

Result<Log*> OpenLog(Arena& arena, File& file, const Header& header,
                     bool replay) {
  if (header.log_guid.IsZero() || header.log_length == 0) {
    return static_cast<Log*>(nullptr);
  }
  if (!IsReadable(header.log_offset, header.log_length)) {
    return Error{.fault = Fault::kVhdxUnreadable, .value = header.log_offset};
  }
  const uint64_t mark = arena.Mark();
  const LogRegion region = TRY(LogRegion::Create(arena, file, header));
  Log* log = TRY(arena.New<Log>(region));
  if (replay) {
    TRY(log->Load(arena, file.size()));
    return log->IsEmpty() ? nullptr : log;
  }
  const bool has_entry = TRY(log->HasEntry());
  if (has_entry) {
    return Error{.fault = Fault::kVhdxLogDirty};
  }
  arena.Rewind(mark);
  return static_cast<Log*>(nullptr);
}

}  // namespace instar::vhdx
