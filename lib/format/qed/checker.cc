// Checks a QED image: every reference of its tables must be to a cluster of the
// file that nothing else refers to.
#include "lib/format/checker.h"

#include "lib/base/checked.h"
#include "lib/format/qed/header.h"
#include "lib/format/qed/table_check.h"
#include "lib/format/used_clusters.h"

namespace instar::qed {
namespace {

constexpr uint8_t kName[] = {'q', 'e', 'd'};
constexpr uint64_t kCachedBlocks = 2;  // one of each level of tables

class Check {
 public:
  // With `file`, references that lead nowhere are cleared there.
  Check(BlockCache& cache, const Header& header, UsedClusters& used, File* file)
      : cache_(&cache), header_(&header), used_(&used), file_(file) {}

  // All passes. Errors: kErrno of a table that cannot be read, kNoMemory.
  Status Run();
  const CheckResult& result() const { return result_; }

 private:
  Status Pass();
  Status CheckL2Table(uint64_t table);
  // Marks the clusters of a table. Returns how many were marked before.
  uint64_t MarkTable(uint64_t offset);
  void CountLeaks();
  // The entry at file offset `at` leads nowhere.
  Status Invalid(uint64_t at);

  BlockCache* cache_;
  const Header* header_;
  UsedClusters* used_;
  File* file_;
  CheckResult result_;
  // A table shares clusters with what came before it, so that what it refers to
  // does not count. Passes that see other clusters would not know of it.
  bool has_skipped_ = false;
};

Status Check::Run() {
  result_.total_clusters =
      DivRoundUp(header_->image_size, header_->cluster_size);
  bool more = true;
  for (uint64_t i = 0; more && i < UsedClusters::kMaxPasses; ++i) {
    TRY(Pass());
    more = TRY(used_->NextPass());
    if (more && has_skipped_) {
      return Error{.fault = Fault::kNoMemory};
    }
  }
  CountLeaks();
  return {};
}

uint64_t Check::MarkTable(uint64_t offset) {
  uint64_t marked_before = 0;
  const uint64_t first = offset / header_->cluster_size;
  for (uint64_t i = 0; i < header_->table_clusters; ++i) {
    marked_before += used_->Mark(first + i) ? 1U : 0U;
  }
  return marked_before;
}

Status Check::Invalid(uint64_t at) {
  if (!used_->is_first_pass()) {
    return {};
  }
  if (file_ == nullptr) {
    ++result_.corruptions;
    return {};
  }
  const uint8_t zeroes[kEntryBytes] = {};
  TRY(file_->WriteAt(at, ByteView(zeroes, sizeof zeroes)));
  ++result_.corruptions_fixed;
  return {};
}

Status Check::Pass() {
  result_.corruptions += MarkTable(header_->l1_offset);
  for (uint64_t i = 0; i < header_->table_entries(); ++i) {
    const uint64_t table =
        TRY(cache_->At<Le64>(header_->l1_offset + i * kEntryBytes));
    if (table == kUnallocated) {
      continue;
    }
    if (!header_->IsTableOffset(table)) {
      TRY(Invalid(header_->l1_offset + i * kEntryBytes));
      continue;
    }
    const uint64_t marked_before = MarkTable(table);
    result_.corruptions += marked_before;
    if (marked_before == 0) {
      TRY(CheckL2Table(table));
    } else if (used_->is_first_pass()) {
      has_skipped_ = true;
    } else {
      return Error{.fault = Fault::kNoMemory};
    }
  }
  return {};
}

Status Check::CheckL2Table(uint64_t table) {
  const bool first_pass = used_->is_first_pass();
  uint64_t last = 0;
  for (uint64_t i = 0; i < header_->table_entries(); ++i) {
    const uint64_t offset = TRY(cache_->At<Le64>(table + i * kEntryBytes));
    if (offset == kUnallocated || offset == kZeroCluster) {
      continue;
    }
    if (first_pass) {
      ++result_.allocated_clusters;
      const bool adjoins = offset == last + header_->cluster_size;
      result_.fragmented_clusters += last != 0 && !adjoins ? 1U : 0U;
      last = offset;
    }
    if (header_->IsClusterOffset(offset)) {
      const bool marked = used_->Mark(offset / header_->cluster_size);
      result_.corruptions += marked ? 1U : 0U;
    } else {
      TRY(Invalid(table + i * kEntryBytes));
    }
  }
  return {};
}

void Check::CountLeaks() {
  const uint64_t clusters = header_->file_end / header_->cluster_size;
  // All that was marked is behind the header and in the file.
  result_.leaks = clusters - header_->header_clusters - used_->marked();
}

Result<CheckResult> CheckQed(Arena& arena, File& file, Opener& /*opener*/,
                             ProblemVisitor& /*visitor*/) {
  return CheckTables(arena, file, false);
}

}  // namespace

Result<CheckResult> CheckTables(Arena& arena, File& file, bool mends) {
  BlockCache cache = TRY(BlockCache::Create(arena, file, kCachedBlocks));
  const Header header = TRY(ReadHeader(cache, file));
  cache.SetBlockBytes(TableBlockBytes(header));
  UsedClusters used =
      TRY(UsedClusters::Create(arena, header.file_end / header.cluster_size));
  Check check(cache, header, used, mends ? &file : nullptr);
  Status done = check.Run();
  CheckResult result = check.result();
  if (mends && result.corruptions_fixed != 0) {
    const Status flushed = file.Flush();
    done = done.ok() ? flushed : done;
  }
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
                                    .check = &CheckQed};

}  // namespace instar::qed
