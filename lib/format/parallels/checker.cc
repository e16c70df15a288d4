// Checks a Parallels image: the clusters that the BAT names must be in the
// file, and nothing should be behind them. What else is looked at has grown
// with qemu-img's releases.
#include "lib/format/checker.h"

#include "lib/base/checked.h"
#include "lib/format/host_extents.h"
#include "lib/format/parallels/extension.h"
#include "lib/format/parallels/header.h"
#include "lib/format/used_clusters.h"

namespace instar::parallels {
namespace {

constexpr uint8_t kName[] = {'p', 'a', 'r', 'a', 'l', 'l', 'e', 'l', 's'};
constexpr uint64_t kCachedBlocks = 2;  // of the BAT

class Check {
 public:
  Check(BlockCache& cache, const File& file, const Header& header,
        uint64_t file_bytes, ProblemVisitor& visitor)
      : cache_(&cache),
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

  Status CheckFirst();                // up to 8.0
  Status CheckDataOffset();           // from 8.2
  Status CheckOutside(bool is_full);  // from 8.1
  Status CheckEnd();
  Status CheckDuplicates(Arena& arena);  // from 8.2
  Status CountClusters();                // from 8.1
  Result<uint64_t> DataEnd(bool is_full);

  BlockCache* cache_;
  const Header* header_;
  ProblemVisitor* visitor_;
  uint64_t stored_entries_;
  uint64_t file_bytes_;      // in whole sectors
  uint64_t data_start_ = 0;  // sector
  CheckResult result_;
};

Status Check::Run(Arena& arena, ParallelsCheck rules) {
  result_.total_clusters = header_->num_bat_entries;
  if (header_->in_use) {
    TRY(Corruption(Fault::kCheckParallelsUnclean));
  }
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
      TRY(Corruption(Fault::kCheckParallelsOutside, i));
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
    return Corruption(Fault::kCheckParallelsDataOffset);
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
      TRY(Corruption(Fault::kCheckParallelsOutside, i));
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
  result_.leaks += DivRoundUp(leaked, header_->cluster_size());
  return visitor_->OnProblem(
      {.fault = Fault::kCheckParallelsSpaceLeaked, .value = leaked});
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
  UsedClusters used = TRY(UsedClusters::Create(arena, num_clusters));
  bool more = true;
  for (uint64_t pass = 0; more && pass < UsedClusters::kMaxPasses; ++pass) {
    for (uint64_t i = 0; i < stored_entries_; ++i) {
      const uint64_t offset = TRY(Offset(i));
      const uint64_t cluster =
          offset < start ? num_clusters : (offset - start) / cluster_size;
      if (offset != 0 && cluster < num_clusters && used.Mark(cluster)) {
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
  BlockCache cache = TRY(BlockCache::Create(arena, file, kCachedBlocks));
  const Header header = TRY(ReadHeader(cache));
  TRY(WalkExtension(cache, file, header, arena, nullptr));
  TRY(CheckSize(header));
  const uint64_t file_bytes = TRY(SectorAlignedSize(file));
  Check check(cache, file, header, file_bytes, visitor);
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

}  // namespace

extern const Checker kChecker;
constinit const Checker kChecker = {.name = ByteView{kName, sizeof kName},
                                    .check = &CheckParallels};

}  // namespace instar::parallels
