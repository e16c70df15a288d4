// Checks a Parallels image: the clusters that the BAT names must be in the
// file, and nothing should be behind them. What else is looked at has grown
// with qemu-img's releases.
#include "lib/format/checker.h"

#include "lib/base/checked.h"
#include "lib/format/host_extents.h"
#include "lib/format/parallels/cluster_check.h"
#include "lib/format/parallels/extension.h"
#include "lib/format/parallels/header.h"
#include "lib/format/used_clusters.h"

namespace instar::parallels {
namespace {

constexpr uint8_t kName[] = {'p', 'a', 'r', 'a', 'l', 'l', 'e', 'l', 's'};
constexpr uint64_t kCachedBlocks = 2;  // of the BAT
constexpr uint64_t kCopiedBytes = 1 << 20;

class Check {
 public:
  Check(BlockCache& cache, File& file, const Header& header,
        uint64_t file_bytes, ProblemVisitor& visitor, RepairKinds kinds)
      : cache_(&cache),
        file_(&file),
        kinds_(kinds),
        header_(&header),
        visitor_(&visitor),
        stored_entries_(header.NumStoredEntries(file)),
        file_bytes_(file_bytes) {}

  // Errors: kErrno where the BAT cannot be read, kNoMemory, the visitor's.
  Status Run(Arena& arena, ParallelsCheck rules);
  const CheckResult& result() const { return result_; }

 private:
  // Byte offset of the cluster of a BAT entry; 0: unallocated.
  Result<uint64_t> Offset(uint64_t index) {
    if (index >= stored_entries_) {
      return uint64_t{0};
    }
    return TRY(ClusterSector(*cache_, *header_, index)) * kSectorBytes;
  }
  Status Corruption(Fault fault, uint64_t value = 0) {
    ++result_.corruptions;
    return visitor_->OnProblem({.fault = fault, .value = value});
  }
  // Tells of a corruption that is mended next.
  Status Mended(Fault fault, uint64_t value = 0) {
    ++result_.corruptions_fixed;
    return visitor_->OnProblem({.fault = fault, .value = value});
  }
  Status Put32(uint64_t offset, uint64_t value);
  Status PutEntry(uint64_t index, uint64_t sector);
  Status CheckOutsideEntry(uint64_t index);
  Status CheckInUse();
  // The cluster of entry `index`, which another has too, gets a copy of its
  // own behind all others.
  Status MoveCluster(uint64_t index, uint64_t offset, MutableBytes buffer);

  Status CheckAll(Arena& arena, ParallelsCheck rules);
  Status CheckFirst();                // up to 8.0
  Status CheckDataOffset();           // from 8.2
  Status CheckOutside(bool is_full);  // from 8.1
  Status CheckEnd();
  Status CheckDuplicates(Arena& arena);  // from 8.2
  Status CountClusters();                // from 8.1
  Result<uint64_t> DataEnd(bool is_full);

  BlockCache* cache_;
  File* file_;
  RepairKinds kinds_;
  const Header* header_;
  ProblemVisitor* visitor_;
  uint64_t stored_entries_;
  uint64_t file_bytes_;      // in whole sectors
  uint64_t data_start_ = 0;  // sector
  CheckResult result_;
};

Status Check::Put32(uint64_t offset, uint64_t value) {
  uint8_t bytes[Le32::kSize];
  const MutableBytes out(bytes, sizeof bytes);
  const uint32_t narrow = TRY(Narrow<uint32_t>(value));
  TRY(out.Put<Le32>(0, narrow));
  TRY(file_->WriteAt(offset, out.view()));
  cache_->SetBlockBytes(BlockCache::kMinBlockBytes);  // forgets what it has
  return {};
}

Status Check::PutEntry(uint64_t index, uint64_t sector) {
  const uint64_t value =
      header_->has_old_magic ? sector : sector / header_->tracks;
  return Put32(HeaderLayout::kSize + index * kBatEntryBytes, value);
}

// The cluster of entry `index` does not lie in the file.
Status Check::CheckOutsideEntry(uint64_t index) {
  if (!kinds_.errors) {
    return Corruption(Fault::kCheckParallelsOutside, index);
  }
  TRY(Mended(Fault::kRepairParallelsOutside, index));
  return index < stored_entries_ ? PutEntry(index, 0) : Status();
}

// An image that is mended is closed in the end.
Status Check::CheckInUse() {
  if (!header_->in_use) {
    return {};
  }
  return kinds_.errors ? Mended(Fault::kRepairParallelsUnclean)
                       : Corruption(Fault::kCheckParallelsUnclean);
}

Status Check::Run(Arena& arena, ParallelsCheck rules) {
  result_.total_clusters = header_->num_bat_entries;
  TRY(CheckInUse());
  TRY(CheckAll(arena, rules));
  if (header_->in_use && kinds_.errors) {
    TRY(file_->Flush());
    TRY(Put32(HeaderLayout::kInUse.offset, 0));
  }
  return kinds_.leaks || kinds_.errors ? file_->Flush() : Status();
}

Status Check::CheckAll(Arena& arena, ParallelsCheck rules) {
  if (rules == ParallelsCheck::kBounds) {
    TRY(CheckFirst());
    return CheckEnd();
  }
  const bool is_full = rules == ParallelsCheck::kFull;
  if (is_full) {
    TRY(CheckDataOffset());
  }
  TRY(CheckOutside(is_full));
  TRY(CheckEnd());
  if (is_full) {
    TRY(CheckDuplicates(arena));
  }
  return CountClusters();
}

Status Check::CheckFirst() {
  uint64_t highest = 0;
  uint64_t last = 0;
  for (uint64_t i = 0; i < stored_entries_; ++i) {
    const uint64_t offset = TRY(Offset(i));
    if (offset == 0) {
      last = 0;
      continue;
    }
    if (offset > file_bytes_) {
      TRY(CheckOutsideEntry(i));
      if (kinds_.errors) {
        last = 0;
        continue;
      }
    }
    ++result_.allocated_clusters;
    highest = Max(highest, offset);
    const bool adjoins = offset == last + header_->cluster_size();
    result_.fragmented_clusters += last != 0 && !adjoins ? 1 : 0;
    last = offset;
  }
  result_.image_end_offset = highest + header_->cluster_size();
  return {};
}

Status Check::CheckDataOffset() {
  uint64_t lowest = DivRoundUp(header_->bat_end(), kSectorBytes);
  if (!header_->has_old_magic) {
    lowest = DivRoundUp(lowest, header_->tracks) * header_->tracks;
  }
  const uint64_t stored = header_->data_offset;
  data_start_ = lowest;
  if (stored == 0 && header_->has_old_magic) {
    return {};
  }
  if (stored < lowest || stored > file_bytes_ / kSectorBytes) {
    if (!kinds_.errors) {
      return Corruption(Fault::kCheckParallelsDataOffset);
    }
    TRY(Mended(Fault::kRepairParallelsDataOffset));
    return Put32(HeaderLayout::kDataOffset.offset, lowest);
  }
  data_start_ = stored;
  return {};
}

// The sector where the clusters of an image end that has none inside the file.
Result<uint64_t> Check::DataEnd(bool is_full) {
  uint64_t end = data_start_;
  if (!is_full) {
    // 8.1 takes a number of bytes for one of sectors.
    end = header_->data_offset != 0
              ? header_->data_offset
              : DivRoundUp(header_->bat_end(), kSectorBytes) * kSectorBytes;
  }
  for (uint64_t i = 0; i < stored_entries_; ++i) {
    const uint64_t sector = TRY(Offset(i)) / kSectorBytes;
    const bool is_behind =
        is_full ? sector + header_->tracks > end : sector >= end;
    end = is_behind ? sector + header_->tracks : end;
  }
  return end;
}

Status Check::CheckOutside(bool is_full) {
  const uint64_t cluster_size = header_->cluster_size();
  uint64_t highest = 0;
  // An unallocated entry counts as a cluster at 0.
  const uint64_t num_entries =
      cluster_size > file_bytes_ ? header_->num_bat_entries : stored_entries_;
  for (uint64_t i = 0; i < num_entries; ++i) {
    const uint64_t offset = TRY(Offset(i));
    if (offset + cluster_size > file_bytes_) {
      TRY(CheckOutsideEntry(i));
    } else {
      highest = Max(highest, offset);
    }
  }
  result_.image_end_offset = highest == 0 ? TRY(DataEnd(is_full)) * kSectorBytes
                                          : highest + cluster_size;
  return {};
}

Status Check::CheckEnd() {
  if (file_bytes_ <= result_.image_end_offset) {
    return {};
  }
  const uint64_t leaked = file_bytes_ - result_.image_end_offset;
  const uint64_t clusters = DivRoundUp(leaked, header_->cluster_size());
  if (kinds_.leaks) {
    TRY(visitor_->OnProblem(
        {.fault = Fault::kRepairParallelsSpaceLeaked, .value = leaked}));
    // Entries that led there must not come back.
    TRY(file_->Flush());
    // The BAT stays, whatever is said to be behind it.
    file_bytes_ = Max(result_.image_end_offset, header_->bat_end());
    TRY(file_->Truncate(file_bytes_, FilePreallocation::kSparse));
    result_.leaks_fixed += clusters;
    return {};
  }
  result_.leaks += clusters;
  return visitor_->OnProblem(
      {.fault = Fault::kCheckParallelsSpaceLeaked, .value = leaked});
}

Status Check::MoveCluster(uint64_t index, uint64_t offset,
                          MutableBytes buffer) {
  TRY(Mended(Fault::kRepairParallelsDuplicate, index));
  const uint64_t cluster_size = header_->cluster_size();
  const uint64_t target = result_.image_end_offset;
  for (uint64_t done = 0; done < cluster_size; done += buffer.size()) {
    const MutableBytes piece = buffer.Prefix(cluster_size - done);
    TRY(file_->ReadAt(offset + done, piece));
    TRY(file_->WriteAt(target + done, piece.view()));
  }
  TRY(file_->Flush());
  TRY(PutEntry(index, target / kSectorBytes));
  result_.image_end_offset = target + cluster_size;
  return {};
}

Status Check::CheckDuplicates(Arena& arena) {
  const uint64_t cluster_size = header_->cluster_size();
  const uint64_t start = data_start_ * kSectorBytes;
  const uint64_t end = Max(result_.image_end_offset, start);
  const uint64_t num_clusters =
      (end - start) / cluster_size + (end % cluster_size != 0 ? 1 : 0);
  if ((end - start) / cluster_size == 0) {
    return {};
  }
  const MutableBytes buffer =
      kinds_.errors ? TRY(arena.Allocate(kCopiedBytes)) : MutableBytes();
  UsedClusters used = TRY(UsedClusters::Create(arena, num_clusters));
  bool more = true;
  for (uint64_t pass = 0; more && pass < UsedClusters::kMaxPasses; ++pass) {
    for (uint64_t i = 0; i < stored_entries_; ++i) {
      const uint64_t offset = TRY(Offset(i));
      const uint64_t cluster =
          offset < start ? num_clusters : (offset - start) / cluster_size;
      if (offset == 0 || cluster >= num_clusters || !used.Mark(cluster)) {
        continue;
      }
      if (kinds_.errors) {
        TRY(MoveCluster(i, offset, buffer));
      } else {
        TRY(Corruption(Fault::kCheckParallelsDuplicate, i));
      }
    }
    more = TRY(used.NextPass());
  }
  return {};
}

Status Check::CountClusters() {
  const uint64_t cluster_size = header_->cluster_size();
  uint64_t last = 0;
  for (uint64_t i = 0; i < stored_entries_; ++i) {
    const uint64_t offset = TRY(Offset(i));
    if (offset == 0 || offset + cluster_size > result_.image_end_offset) {
      last = 0;
      continue;
    }
    ++result_.allocated_clusters;
    const bool adjoins = offset == last + cluster_size;
    result_.fragmented_clusters += last != 0 && !adjoins ? 1 : 0;
    last = offset;
  }
  return {};
}

Result<CheckResult> CheckParallels(Arena& arena, File& file, Opener& /*opener*/,
                                   ProblemVisitor& visitor) {
  return CheckClusters(arena, file, visitor, {});
}

}  // namespace

Result<CheckResult> CheckClusters(Arena& arena, File& file,
                                  ProblemVisitor& visitor, RepairKinds kinds) {
  BlockCache cache = TRY(BlockCache::Create(arena, file, kCachedBlocks));
  const Header header = TRY(ReadHeader(cache));
  TRY(WalkExtension(cache, file, header, arena, nullptr));
  TRY(CheckSize(header));
  const uint64_t file_bytes = TRY(SectorAlignedSize(file));
  Check check(cache, file, header, file_bytes, visitor, kinds);
  const Status done = check.Run(arena, visitor.rules().parallels);
  CheckResult result = check.result();
  if (!done.ok()) {
    if (done.error().fault != Fault::kErrno) {
      return done.error();
    }
    ++result.check_errors;
  }
  return result;
}

extern const Checker kChecker;
constinit const Checker kChecker = {.name = ByteView{kName, sizeof kName},
                                    .check = &CheckParallels};

}  // namespace instar::parallels
