// How much of a cluster a write into it makes real.
#pragma once

#include <cstdint>

#include "lib/format/qcow2/geometry.h"
#include "lib/format/qcow2/l2_map.h"

namespace instar::qcow2 {

// Bytes from the start of the first cluster of a write on.
struct WriteSpan {
  uint64_t from = 0;       // the file must hold real bytes from here …
  uint64_t data_from = 0;  // … the write's own from here
  uint64_t data_to = 0;    // … to here
  uint64_t to = 0;         // … and what was there before to here
};

// For a write of [offset, +length) whose first and last cluster have the
// entries `first` and `last`. `in_place`: into the clusters that they have
// already, else into new ones. The rest of the subclusters is copied; of a
// cluster that moves also each other subcluster that holds data, with what
// lies between.
WriteSpan SpanOf(const Geometry& geometry, const L2Entry& first,
                 const L2Entry& last, uint64_t offset, uint64_t length,
                 bool in_place);

// `entry` after [span.from, span.to) was written into the cluster that is the
// index-th of the write.
uint64_t BitmapAfter(const Geometry& geometry, uint64_t bitmap,
                     const WriteSpan& span, uint64_t index);

}  // namespace instar::qcow2
