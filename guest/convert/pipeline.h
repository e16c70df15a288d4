// The data path of convert: many chunks at a time on their way from the
// source chains to the target.
//
//   plan -> read -> unpack -> (pack ->) split and allocate -> write -> release
//
// Chunks are planned, allocated and released in order, so that the same
// command always makes the same bytes; reading, unpacking and writing of
// different chunks overlap in any order.
#pragma once

#include <cstdint>

#include "guest/convert/packing.h"
#include "guest/rt/buffer_ring.h"
#include "guest/rt/context.h"
#include "guest/rt/first_failure.h"
#include "guest/rt/long_cluster.h"
#include "guest/rt/pending_writes.h"
#include "guest/rt/requests.h"
#include "guest/rt/unpacking.h"
#include "guest/rt/workers.h"
#include "lib/convert/planner.h"
#include "lib/convert/split.h"
#include "lib/format/target.h"

namespace instar::guest {

struct PipelineOptions {
  convert::SplitRule split;
  // The target reads as zeroes where nothing was written.
  bool target_reads_zero = false;
  // Bytes that progress is a part of: all data where `progress_is_data` is set,
  // else all bytes.
  uint64_t progress_bytes = 0;
  bool progress_is_data = false;
  Packing* packing = nullptr;  // -c; chunks are clusters then
  bool salvage = false;        // what cannot be read is zeroes
  uint64_t target_offset = 0;  // where the first byte goes
  // Of dd: the length of a request to the target, which decides where its
  // format makes room. 0: as data comes.
  uint64_t request_bytes = 0;
};

class Pipeline final : public PendingWrites {
 public:
  // All arguments outlive the pipeline. Memory for buffers comes from the
  // context's arena. Errors: kNoMemory.
  static Result<Pipeline*> Create(Context& context, convert::Planner& planner,
                                  Target& target, Unpacking& unpacking,
                                  LongCluster& long_cluster,
                                  const PipelineOptions& options);

  // Moves everything. False: a failure has been reported.
  bool Run();

  Status AwaitWrites() override;

 private:
  friend class Arena;

  static constexpr uint64_t kMaxChunks = 512;
  static constexpr uint64_t kMaxTransfers = 240;
  static constexpr uint64_t kDataBytes = 16 << 20;
  static constexpr uint64_t kPackedBytes = 8 << 20;
  static constexpr uint64_t kMaxWriteBytes = 2 << 20;
  // -c: packed clusters, and the stages where they are gathered.
  static constexpr uint64_t kOutBytes = 16 << 20;
  static constexpr uint64_t kStageBytes = 512 << 10;
  static constexpr uint64_t kStagesBytes = 8 << 20;
  // Read at once where packed clusters adjoin.
  static constexpr uint64_t kWindowBytes = 256 << 10;

  // A chunk on its way.
  struct Item {
    convert::Chunk chunk;
    MutableBytes data;
    uint64_t data_mark = 0;    // of the buffer rings, behind this chunk
    uint64_t packed_mark = 0;  // before the window of its packed bytes
    uint64_t out_mark = 0;     // of out_, behind this chunk
    uint64_t stage_mark = 0;   // before the stage that its packed bytes are in
    uint32_t reads = 0;        // of plain bytes, outstanding
    uint32_t unpacks = 0;      // not done
    uint32_t writes = 0;       // outstanding
    bool filled = false;       // every read was issued
    bool damaged = false;      // --salvage: something could not be read
  };

  // A request for data, and the chunks that wait for it.
  struct Transfer {
    Ticket ticket;
    Pipeline* pipeline = nullptr;
    Transfer* next_free = nullptr;
    uint64_t first_item = 0;  // sequence numbers
    uint64_t last_item = 0;
    MutableBytes bytes;
    uint32_t slot = 0;
    uint64_t offset = 0;
    bool is_write = false;
    UnpackJob* jobs = nullptr;  // start, in order, when these bytes are there
    UnpackJob* last_job = nullptr;
  };

  // Stored bytes around packed clusters. Packed clusters mostly lie one behind
  // the other, so that one read serves many.
  struct Window {
    const File* file = nullptr;
    uint64_t offset = 0;
    MutableBytes bytes;
    Transfer* transfer = nullptr;  // null: the bytes are there
    uint64_t next_offset = 0;      // where the next cluster would adjoin
    uint64_t mark = 0;             // of the packed ring, before the bytes
  };

  // Where bytes of the sources are.
  struct Found {
    Extent extent;
    Image* owner = nullptr;
    MutableBytes out;      // where they go
    bool is_zero = false;  // and went: `out` is filled
  };

  // Consecutive pieces that lie together, in memory and in the file.
  struct WriteRun {
    File* file = nullptr;
    uint64_t offset = 0;
    MutableBytes bytes;
    uint64_t first_item = 0;
    uint64_t last_item = 0;
  };

  Pipeline(Context& context, convert::Planner& planner, Target& target,
           Unpacking& unpacking, LongCluster& long_cluster,
           const PipelineOptions& options, MutableBytes data,
           MutableBytes packed, MutableBytes zeroes, Item* items,
           Transfer* transfers);
  // -c: what is needed besides. Errors: kNoMemory.
  Status PreparePacking(Arena& arena);

  Item& ItemAt(uint64_t sequence) { return items_[sequence % kMaxChunks]; }

  // The stages; each says whether it moved anything.
  bool PlanChunks();
  bool FillChunks();
  bool CollectUnpacked();
  bool PackChunks();
  bool WriteChunks();
  bool ReleaseChunks();

  bool PlanOne();
  Result<Found> Locate(uint64_t position, MutableBytes room);
  Status Fill(Item& item, uint64_t sequence);
  // Reads one extent of a chunk into `out`. False: no room for it now.
  Result<bool> FillExtent(Item& item, uint64_t sequence, const Extent& extent,
                          Image& owner, MutableBytes out);
  Result<bool> FillPacked(uint64_t sequence, const Extent& extent,
                          const Image& owner, MutableBytes out);
  bool OpenWindow(const Extent& extent, uint64_t sequence);
  void AttachJob(UnpackJob& job, uint64_t sequence);
  // --salvage: reads a chunk again, sector by sector, and leaves out what
  // cannot be read.
  void Mend(Item& item);
  Status ReadSector(uint64_t position, MutableBytes out);
  // -c: behind ClusterPacking.
  friend class ClusterPacking;
  bool PackOne(ClusterPacking& packing);
  Result<bool> WritePacked(const ClusterPacking& packing, uint64_t sequence);
  bool TakeStage(uint64_t bytes);
  bool Packs(const Item& item) const {
    return packing_ != nullptr && item.chunk.kind == convert::ChunkKind::kData;
  }
  // Whether the next chunk can be written.
  bool CanWrite();
  // False: no room for it now.
  Result<bool> WriteItem(Item& item, uint64_t sequence);
  Status WriteData(const Item& item, uint64_t sequence);
  Status StoreZeroes(uint64_t position, uint64_t length);
  Status StoreData(MutableBytes bytes, uint64_t position, uint64_t sequence);
  uint64_t RequestAt(uint64_t position, uint64_t length) const;
  void AddToRun(const WriteExtent& where, MutableBytes bytes,
                uint64_t sequence);
  void FlushRun();
  bool IsAtEnd() const;

  bool HasTransfer() const { return free_transfers_ != nullptr; }
  Transfer& Start(abi::Call call, File& file, uint64_t offset,
                  MutableBytes bytes, uint64_t first, uint64_t last);
  static void OnTransferDone(Ticket& ticket);
  void FailedTransfer(const Transfer& transfer);
  void Complete(Transfer& transfer);

  void Wait();
  void CountProgress(const convert::Chunk& chunk);

  Requests* requests_;
  convert::Planner* planner_;
  Target* target_;
  Unpacking* unpacking_;
  LongCluster* long_cluster_;
  PipelineOptions options_;
  BufferRing data_;
  BufferRing windows_;   // of packed clusters that are read
  MutableBytes zeroes_;  // for -S 0
  Packing* packing_;     // -c; else null, and the rest of these empty
  BufferRing out_;       // packed clusters
  BufferRing stages_;
  MutableBytes stage_;  // the last of stages_, its first stage_used_ taken
  uint64_t stage_used_ = 0;
  uint64_t stage_mark_ = 0;  // of stages_, before stage_
  PackJob* jobs_ = nullptr;  // parallel to items_
  Item* items_;
  Transfer* free_transfers_ = nullptr;

  // Sequence numbers: released_ <= written_ <= packed_ <= filled_ <= planned_.
  uint64_t planned_ = 0;
  uint64_t filled_ = 0;
  uint64_t packed_ = 0;
  uint64_t written_ = 0;
  uint64_t released_ = 0;
  uint64_t fill_offset_ = 0;  // within the chunk filled_, what was issued

  convert::Chunk waiting_chunk_;  // planned, but its buffer was not free
  bool has_waiting_chunk_ = false;
  Window window_;
  WriteRun run_;
  uint64_t progress_ = 0;           // bytes that are done
  uint64_t reported_progress_ = 0;  // of them, those the host heard of
  uint64_t writes_ = 0;             // on their way
  Status stored_;                   // what came of those that are done
  FirstFailure failure_;
};

}  // namespace instar::guest
