// The persistent bitmaps of an image, to be changed or copied. qcow2 is the
// only format that stores any which can be written.
//
// Bits are never held in memory as a whole: what a bitmap is to hold is noted
// (which stored bitmaps make it up), and Store puts it together piece by piece.
#pragma once

#include <cstdint>

#include "lib/base/arena.h"
#include "lib/base/bytes.h"
#include "lib/base/file.h"
#include "lib/base/result.h"
#include "lib/format/facts.h"
#include "lib/format/written_runs.h"

namespace instar {

class BitmapStore {
 public:
  // Bitmaps in the order in which the image lists them, new ones included.
  virtual uint64_t count() const = 0;
  // REQUIRES: index < count(). What is behind the facts' views lives as long
  // as the store.
  virtual BitmapFacts At(uint64_t index) const = 0;
  // Whether the image can have bitmaps at all; its version may be too old.
  virtual bool supported() const = 0;

  // Opens for changes: bitmaps that are sound are marked as in use in the
  // file. With `behind_data` new clusters are looked for behind the last of the
  // disk's, as if it had just been written from front to back.
  // To be called once, before any of what follows. Errors: kErrno and others.
  virtual Status Begin(bool behind_data) = 0;

  // A new, empty bitmap that records writes. `granularity`: bytes; 0: the
  // image's own choice. Errors: kBitmapNoName … kBitmapExists.
  virtual Status Add(ByteView name, uint64_t granularity) = 0;
  // Takes it out of the file at once. Errors: kBitmapMissing, kErrno.
  virtual Status Remove(ByteView name) = 0;
  // Errors of the rest: kBitmapMissing, kBitmapInconsistent.
  virtual Status Clear(ByteView name) = 0;
  virtual Status SetRecording(ByteView name, bool recording) = 0;
  // Adds the bits of `source`, a bitmap as it is stored in `from`, a store
  // that came from the same function. Errors: also kBitmapSizes, kNoMemory.
  virtual Status Merge(ByteView name, BitmapStore& from, ByteView source) = 0;

  // The image's guest-visible bytes were written through a Target since Begin,
  // which has finished: bitmaps that record writes get the bits of `runs`,
  // which outlive the store. Reads anew what the target may have changed. To be
  // called at most once, before Store. Errors: kErrno, kNoMemory.
  virtual Status RecordWrites(const WrittenRuns& runs) = 0;

  // Writes all bitmaps, in new places, and gives up the old ones: first bits,
  // then tables, then the directory, then the header. Whatever ends it in
  // between leaves bitmaps marked as in use, or clusters that leak.
  // To be called once, last; also after an error of what came before.
  virtual Status Store() = 0;

 protected:
  ~BitmapStore() = default;
};

// The bitmaps of the qcow2 image in `file`, which OpenImage has found sound.
// At most `room` of them will be added. Errors: those of opening.
Result<BitmapStore*> OpenQcow2Bitmaps(Arena& arena, File& file, uint64_t room);

}  // namespace instar
