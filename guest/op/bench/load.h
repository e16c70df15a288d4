// The requests of `bench`: so many in flight at a time, each for a piece of an
// image, one behind the other.
//
// A request goes from piece to piece of its range, as the image is cut; other
// requests are on their way meanwhile. What is read is not looked at, so that
// all reads may land in one place; only packed bytes have one of their own.
#pragma once

#include <cstdint>

#include "gen/guest.npb.h"
#include "guest/rt/changed_target.h"
#include "guest/rt/context.h"
#include "guest/rt/long_cluster.h"
#include "guest/rt/pending_writes.h"
#include "guest/rt/requests.h"
#include "guest/rt/unpacking.h"
#include "lib/base/bytes.h"
#include "lib/base/result.h"
#include "lib/format/image.h"
#include "lib/format/layer_copy.h"

namespace instar::guest {

class Load final : public PendingWrites {
 public:
  // `written`: the image's target; null where it is read. All arguments outlive
  // the load. Errors: kNoMemory.
  static Result<Load*> Create(Context& context, Image& image,
                              ChangedTarget* written, Unpacking& unpacking,
                              LongCluster& long_cluster);

  // Does all requests. False: a failure has been reported.
  bool Run();

  // Of writes alone.
  Status AwaitWrites() override;

 private:
  // What the ring takes besides a flush; a greater depth is cut to it.
  static constexpr uint64_t kMaxDepth = 240;
  static constexpr uint64_t kMaxPieceBytes = 2 << 20;
  static constexpr uint64_t kMaxPackedBytes = 128 << 10;

  struct Request {
    Ticket ticket;
    uint64_t offset = 0;  // of the next piece, bytes
    uint64_t left = 0;    // bytes
    bool active = false;
    LayerPiece piece;     // on its way
    MutableBytes packed;  // room for packed bytes, cut when first needed
  };

  Load(Context& context, Image& image, ChangedTarget* written,
       Unpacking& unpacking, LongCluster& long_cluster, MutableBytes buffer,
       Request* requests);

  bool StartRequests();
  bool Advance();
  // Goes on with a request whose last piece is done, if it had one, until the
  // next one is on its way or all is done.
  Status Continue(Request& request);
  Status StartRead(Request& request);
  Status StartPackedRead(Request& request);
  Status StartWrite(Request& request);
  Status Transfer(Request& request, File& file, uint64_t offset,
                  MutableBytes bytes);
  Status Arrived(Request& request);
  Status Flush();
  void NextOffset();
  void AwaitAll();
  bool Fail(const Error& error, uint64_t position);

  Arena* arena_;
  Requests* ring_;
  const instar_proto_BenchConfig* config_;
  Image* image_;
  ChangedTarget* written_;
  Unpacking* unpacking_;
  LongCluster* long_cluster_;
  MutableBytes buffer_;  // kMaxPieceBytes, of the pattern or of what is read
  Request* requests_;
  uint64_t depth_;
  uint64_t image_bytes_;  // whole sectors
  uint64_t offset_;       // of the next request
  uint64_t started_ = 0;
  uint64_t done_ = 0;
  Ticket flush_;  // --no-drain
};

}  // namespace instar::guest
