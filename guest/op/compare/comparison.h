// Compares what two images hold: many pieces at a time on their way, judged in
// order, so that it is always the first difference that is told.
//
//   plan -> compare by the host                       -> judge
//        -> read -> unpack -> compare in the guest    -> judge
//
// Bytes that both images store as they are never enter the guest. The cuts are
// qemu-img's: differences are told by sectors counted from a cut on.
#pragma once

#include <cstdint>

#include "gen/guest.npb.h"
#include "guest/op/compare/side.h"
#include "guest/rt/buffer_ring.h"
#include "guest/rt/context.h"
#include "guest/rt/long_cluster.h"
#include "guest/rt/requests.h"
#include "guest/rt/unpacking.h"

namespace instar::guest {

class Comparison {
 public:
  // All arguments outlive the comparison; `long_clusters` are two, one for each
  // image; no cluster of theirs is longer than `max_cluster_bytes`. Memory
  // comes from the context's arena. Errors: kNoMemory.
  static Result<Comparison*> Create(Context& context, Image& a, Image& b,
                                    Unpacking& unpacking,
                                    LongCluster* long_clusters,
                                    uint64_t max_cluster_bytes);

  // Compares, and reports the result. False: a failure has been reported.
  bool Run();

 private:
  friend class Arena;

  static constexpr uint64_t kMaxPieces = 96;
  // qemu-img reads no more at a time.
  static constexpr uint64_t kMaxChunkBytes = 2 << 20;
  // Of a piece that the guest looks at, unless clusters are longer.
  static constexpr uint64_t kMinFetchBytes = 512 << 10;
  // A piece takes at most 4: what two sides store, and what that unpacks to.
  static constexpr uint64_t kFetchesInRing = 8;
  static constexpr int kSides = 2;

  struct Piece;

  // The bytes of one side of a piece.
  struct Fetch {
    Ticket ticket;
    Comparison* comparison = nullptr;
    Piece* piece = nullptr;
    MutableBytes target;       // of the read
    MutableBytes bytes;        // as the guest sees them, when all is done
    UnpackJob* job = nullptr;  // starts when the read is done
    bool failed = false;
    Error error;
  };

  struct Piece {
    uint64_t position = 0;  // bytes, guest-visible
    uint64_t length = 0;
    uint64_t chunk = 0;  // positions of qemu-img's cuts around it
    uint64_t chunk_end = 0;
    bool excess = false;  // behind the end of the shorter image
    bool by_host = false;
    Part parts[kSides];
    Fetch fetches[kSides];
    uint64_t mark = 0;     // of the ring, behind its buffers
    uint32_t pending = 0;  // reads and unpacks that are not done
  };

  // How it ends, and where.
  struct Verdict {
    bool reached = false;
    instar_proto_Comparison comparison =
        instar_proto_Comparison_COMPARISON_EQUAL;
    uint64_t offset = 0;
    bool excess = false;
    Error error;  // COMPARISON_FAILED
    instar_proto_Stage stage = instar_proto_Stage_STAGE_STATUS;
    int side = 0;
  };

  Comparison(Context& context, Image& a, Image& b, Unpacking& unpacking,
             LongCluster* long_clusters, uint64_t max_fetch_bytes,
             MutableBytes ring, MutableBytes scratch, Piece* pieces);

  Piece& PieceAt(uint64_t sequence) { return pieces_[sequence % kMaxPieces]; }

  bool Plan();
  // The next chunk; false: there is none, planned_end_ says why.
  bool NextChunk();
  bool NextSharedChunk();
  bool NextExcessChunk();
  Result<bool> PlanPiece();
  bool Start(Piece& piece);
  static uint64_t BufferBytes(const Piece& piece);
  void StartOnHost(Piece& piece);
  void StartFetch(Piece& piece, int side, MutableBytes& room);

  static void OnFetched(Ticket& ticket);
  void Fetched(Fetch& fetch);
  bool CollectUnpacked();
  Verdict Judge(Piece& piece);
  Verdict JudgeBytes(const Piece& piece) const;
  int FailedSide(const Piece& piece) const;
  void ReportProgress(const Piece& piece);
  bool Report(const Verdict& verdict);

  Requests* requests_;
  const instar_proto_CompareConfig* config_;
  Unpacking* unpacking_;
  LongCluster* long_clusters_;
  Side sides_[kSides];
  uint64_t max_fetch_bytes_;
  BufferRing ring_;
  MutableBytes scratch_;  // kMaxChunkBytes
  Piece* pieces_;
  uint64_t common_;  // bytes that both images have
  uint64_t total_;   // bytes of the longer one

  uint64_t position_ = 0;  // planned so far
  uint64_t chunk_ = 0;
  uint64_t chunk_end_ = 0;
  bool planned_all_ = false;
  Verdict planned_end_;  // what planning met behind all pieces
  Piece waiting_;        // planned, but there was no room for it
  bool has_waiting_ = false;
  // Sequence numbers: released_ <= planned_.
  uint64_t planned_ = 0;
  uint64_t released_ = 0;
  uint64_t reported_ = 0;  // progress, bytes
  bool reported_result_ = false;
};

}  // namespace instar::guest
