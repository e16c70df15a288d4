// A qcow2 image that is written.
#pragma once

#include <cstdint>

#include "lib/base/arena.h"
#include "lib/base/file.h"
#include "lib/base/result.h"
#include "lib/format/image.h"
#include "lib/format/qcow2/geometry.h"
#include "lib/format/qcow2/l2_map.h"
#include "lib/format/qcow2/old_data.h"
#include "lib/format/qcow2/refcounts.h"
#include "lib/format/qcow2/table_store.h"
#include "lib/format/qcow2/write_span.h"
#include "lib/format/target.h"

namespace instar::qcow2 {

// Where an image's first tables are.
struct TablePlaces {
  uint64_t l1_offset = 0;
  uint64_t l1_entries = 0;
  uint64_t refcount_table_offset = 0;
  uint64_t refcount_table_clusters = 0;
};

class Qcow2Target final : public Target {
 public:
  // `data`: where data clusters are, `file` itself or an external data file.
  Qcow2Target(LayerCopy copy, File& file, File& data, Image* backing,
              const Geometry& geometry, const TablePlaces& places);
  Qcow2Target(const Qcow2Target&) = delete;
  Qcow2Target& operator=(const Qcow2Target&) = delete;

  // To be called once, first. Errors: kNoMemory.
  Status Init(Arena& arena);
  // TableStore::WriteInOrder. What a write replaces is freed by a later call:
  // to free may write out the table that refers to what is to be written.
  void WriteInOrder() {
    tables_.WriteInOrder(data_ == file_ ? nullptr : data_);
    in_order_ = true;
  }

  Result<WriteExtent> Allocate(uint64_t offset, uint64_t length) override;
  Result<PackRules> Packing() const override;
  Result<WriteExtent> AllocatePacked(uint64_t offset, uint64_t packed_bytes,
                                     MutableBytes prefix) override;
  Status WriteZeroes(uint64_t offset, uint64_t length, bool may_unmap) override;
  Status Sync() override;
  Status Finish() override;

  // The rest is for `create`.

  Refcounts& refcounts() { return refcounts_; }
  void SetL1(uint64_t offset, uint64_t entries) { map_.SetL1(offset, entries); }
  // The data file must be so long in the end.
  void Need(uint64_t size) {
    needed_size_ = needed_size_ < size ? size : needed_size_;
  }
  // Gives every guest-visible byte a cluster. Returns where the last one's
  // guest-visible bytes end in the data file.
  Result<uint64_t> AllocateAll() { return AllocateFrom(0); }
  // Makes every guest-visible cluster the next one from `host_offset` on.
  Status MapAll(uint64_t host_offset);

  // And for an image that has grown, whose bytes from `offset` on are new.

  // To be called first. Tables are written as TableStore::WriteInOrder has it.
  void BeginGrowth() {
    WriteInOrder();
    has_grown_ = true;
  }
  // As AllocateAll.
  Result<uint64_t> AllocateFrom(uint64_t offset);
  // Makes each cluster from that of `offset` on the next one from `host_offset`
  // on, which hold zeroes, and copies what the first one held. `as_data`: what
  // lies below must not show through.
  Status MapFrom(uint64_t offset, uint64_t host_offset, bool as_data);

 private:
  // Clusters, by one write, and that wait to be freed.
  static constexpr uint64_t kMaxStep = 256;
  static constexpr uint64_t kMaxReplaced = 2 * kMaxStep;

  // A contiguous part of a write. Of length 0: it cannot continue there.
  struct Run {
    uint64_t length = 0;
    uint64_t host_offset = 0;
    bool is_linked = false;  // by an entry that was changed
  };
  // What is wanted of a part: where it is in its L2 table, and where in the
  // file it must be to continue what came before (all ones: anywhere).
  struct Want {
    uint64_t offset = 0;
    uint64_t length = 0;
    uint64_t table = 0;
    uint64_t index = 0;
    uint64_t max_clusters = 0;
    uint64_t host_offset = 0;
    bool ahead = false;  // preallocation: no data follows
  };

  Result<Run> FindRun(uint64_t offset, uint64_t length, bool ahead);
  Result<Run> WriteInPlace(const Want& want);
  Result<bool> IsAllData(const Want& want, uint64_t index, uint64_t length);
  Result<Run> WriteToNew(const Want& want);
  Result<uint64_t> TakeClusters(const Want& want, uint64_t& num_clusters,
                                bool& is_zero);
  Status PrepareAhead(const Want& want, const WriteSpan& span, uint64_t host,
                      bool is_zero);
  Status CopyRest(const Want& want, const WriteSpan& span, uint64_t host,
                  bool is_zero);
  Status Link(const Want& want, const WriteSpan& span, uint64_t host,
              uint64_t num_clusters, bool in_place);
  Result<uint64_t> TakeBytes(uint64_t bytes);
  Status FreeCluster(const L2Entry& entry, bool discard);
  // Drops what `entry` referred to, which no table does any more.
  Status Replace(const L2Entry& entry);
  Status FreeReplaced();
  // Before a write: makes room for what it replaces.
  Status MakeRoom() {
    return num_replaced_ > kMaxReplaced - kMaxStep ? FreeReplaced() : Status();
  }

  Status ZeroPiece(uint64_t offset, uint64_t length, bool may_unmap);
  Status WriteZeroData(uint64_t offset, uint64_t length);
  Result<bool> CanZeroWhole(uint64_t offset, uint64_t length);
  Status ZeroSubclusters(uint64_t offset, uint64_t length, bool& done);
  Status ZeroCluster(uint64_t offset, bool may_unmap);
  Status DiscardCluster(uint64_t offset);

  File* file_;
  File* data_;
  bool has_backing_;
  uint64_t old_size_;         // of the file when it was opened
  uint64_t needed_size_ = 0;  // that the data file must have in the end
  Geometry geometry_;
  TableStore tables_;
  Refcounts refcounts_;
  L2Map map_;
  OldData old_data_;
  bool has_grown_ = false;
  bool in_order_ = false;
  L2Entry replaced_[kMaxReplaced];  // by earlier writes; not freed yet
  uint64_t num_replaced_ = 0;
  uint64_t free_byte_ = 0;  // behind the last packed cluster; 0: there is none
};

}  // namespace instar::qcow2
