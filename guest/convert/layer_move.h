// The data path of commands that move guest-visible bytes between the layers of
// a chain: from one chain, which may be compared with another, into an image
// that exists. Many pieces are on their way at a time.
//
//   plan -> read -> unpack -> (compare, pack ->) allocate -> write -> release
//
// Pieces are planned and allocated in order, so that the same command always
// makes the same bytes. The target's metadata is not written before the data
// that it refers to (SlotFile::WaitsFor).
#pragma once

#include <cstdint>

#include "guest/convert/layer_packing.h"
#include "guest/rt/buffer_ring.h"
#include "guest/rt/context.h"
#include "guest/rt/first_failure.h"
#include "guest/rt/long_cluster.h"
#include "guest/rt/pending_writes.h"
#include "guest/rt/requests.h"
#include "guest/rt/unpacking.h"
#include "lib/format/target.h"

namespace instar::guest {

// A piece of work: what becomes of [position, +length).
struct LayerWork {
  enum class Kind : uint8_t {
    kCopy,     // stored, zeroes too
    kZero,     // made to read as zeroes
    kCompare,  // units that differ between the two chains are stored
  };
  // Of one piece that is read.
  static constexpr uint64_t kMaxBytes = 2 << 20;

  Kind kind = Kind::kCopy;
  uint64_t position = 0;  // bytes
  uint64_t length = 0;    // bytes; at most kMaxBytes, but for kZero
  // kCompare: the first chain ends before `position`, and what differs is made
  // to read as zeroes.
  bool is_past_end = false;
};

class LayerPlan {
 public:
  // The next piece, behind the last; of length 0: there is none left.
  virtual Result<LayerWork> Next() = 0;
  // Where the plan has got to, in bytes of the disk.
  virtual uint64_t position() const = 0;

 protected:
  ~LayerPlan() = default;
};

struct LayerMoveOptions {
  static constexpr int kSides = 2;

  // The chain that bytes come from, and the one that they are compared with.
  // Null: zeroes, as everything behind an image's end is.
  Image* sides[kSides] = {};
  uint64_t unit = 512;       // of a comparison, bytes, a power of two
  uint64_t zero_unit = 512;  // the same where the first chain has ended
  uint64_t total_bytes = 0;  // of the disk
  bool may_unmap = false;    // of zeroes
  // Clusters of kCompare pieces are packed, and `unit` is a cluster. Null: not.
  LayerPacking* packing = nullptr;
  // What failures are told as.
  instar_proto_Stage plan_stage = instar_proto_Stage_STAGE_STATUS;
  instar_proto_Stage read_stages[kSides] = {instar_proto_Stage_STAGE_READ,
                                            instar_proto_Stage_STAGE_READ};
  instar_proto_Stage write_stage = instar_proto_Stage_STAGE_WRITE;
};

class LayerMove final : public PendingWrites {
 public:
  // All arguments outlive the move. Memory for buffers comes from the context's
  // arena. Errors: kNoMemory.
  static Result<LayerMove*> Create(Context& context, LayerPlan& plan,
                                   Target& target, Unpacking& unpacking,
                                   LongCluster& long_cluster,
                                   const LayerMoveOptions& options);

  // Moves everything; all is written when it returns. False: a failure has been
  // reported.
  bool Run();

  Status AwaitWrites() override;

 private:
  static constexpr int kSides = LayerMoveOptions::kSides;
  static constexpr uint64_t kMaxItems = 64;
  static constexpr uint64_t kMaxTransfers = 128;
  static constexpr uint64_t kDataBytes = 24 << 20;
  static constexpr uint64_t kPackedBytes = 8 << 20;

  // A piece on its way.
  struct Item {
    LayerWork work;
    MutableBytes sides[kSides];  // empty: zeroes
    uint64_t data_mark = 0;      // of the rings, behind this piece
    uint64_t packed_mark = 0;
    uint32_t reads = 0;   // reads and unpacks that are not done
    uint32_t writes = 0;  // not done
    uint64_t planned_to = 0;
    PackedPiece piece;  // where Packs()
  };

  struct Transfer {
    Ticket ticket;
    LayerMove* move = nullptr;
    Transfer* next_free = nullptr;
    uint64_t sequence = 0;  // of the item
    int side = 0;
    MutableBytes bytes;
    uint32_t slot = 0;
    bool is_write = false;
    UnpackJob* job = nullptr;  // begins when the bytes are there
  };

  LayerMove(Context& context, LayerPlan& plan, Target& target,
            Unpacking& unpacking, LongCluster& long_cluster,
            const LayerMoveOptions& options, MutableBytes data,
            MutableBytes packed, Item* items, Transfer* transfers);

  Item& ItemAt(uint64_t sequence) { return items_[sequence % kMaxItems]; }
  bool Packs(const Item& item) const {
    return options_.packing != nullptr && !item.sides[0].empty() &&
           item.work.kind == LayerWork::Kind::kCompare;
  }
  // Whether there is an item to store.
  bool CanStore();

  // The stages; each says whether it moved anything.
  bool Plan();
  bool Fill();
  bool CollectUnpacked();
  bool Pack();
  bool Store();
  bool Release();

  // Makes room for what the items need to be packed. Errors: kNoMemory.
  Status PreparePacking(Arena& arena);
  // False: there is no room now.
  Result<bool> Place(Item& item);
  Result<bool> IsZero(int side, uint64_t position, uint64_t length);
  Result<bool> FillItem(Item& item);
  // Reads what belongs to the front of `out`; how much, 0 where there is no
  // room now.
  Result<uint64_t> FillFront(Item& item, int side, uint64_t position,
                             MutableBytes out);
  Result<bool> FillPacked(Item& item, int side, const Extent& extent,
                          const Image& owner, MutableBytes out);

  Status StoreItem(Item& item);
  Status StoreDifferences(Item& item);
  Status StoreClusters(Item& item);
  Status StorePacked(MutableBytes packed, uint64_t position);
  Status StoreZeroes(uint64_t position, uint64_t length);
  Status StoreData(MutableBytes bytes, uint64_t position);

  bool HasTransfer() const {
    return free_transfers_ != nullptr && requests_->room() != 0;
  }
  Transfer& Start(abi::Call call, const File& file, uint64_t offset,
                  MutableBytes bytes, uint64_t sequence, int side);
  static void OnTransferDone(Ticket& ticket);
  void Complete(Transfer& transfer);
  void ReportProgress(uint64_t done);

  Requests* requests_;
  LayerPlan* plan_;
  Target* target_;
  Unpacking* unpacking_;
  LongCluster* long_cluster_;
  LayerMoveOptions options_;
  BufferRing data_;
  BufferRing packed_;
  Item* items_;
  Transfer* free_transfers_ = nullptr;

  // Sequence numbers: released_ <= stored_ <= pushed_ <= filled_ <= planned_.
  uint64_t planned_ = 0;
  uint64_t filled_ = 0;
  uint64_t pushed_ = 0;  // handed out to be packed, or not to be packed
  uint64_t stored_ = 0;
  uint64_t released_ = 0;
  bool is_planned_ = false;       // all of it
  bool is_placed_ = false;        // item filled_ has its buffers
  uint32_t* clusters_ = nullptr;  // what was made of those of all items
  int fill_side_ = 0;             // where the filling of item filled_ is
  uint64_t fill_offset_ = 0;
  uint32_t writes_ = 0;    // on their way
  Status written_;         // what came of those that are done
  uint64_t reported_ = 0;  // progress, bytes
  FirstFailure failure_;
};

}  // namespace instar::guest
