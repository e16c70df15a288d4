// What an image that is written held before: the rest of a cluster that is
// written in part is copied from here.
#pragma once

#include <cstdint>

#include "lib/base/file.h"
#include "lib/base/result.h"
#include "lib/format/image.h"
#include "lib/format/layer_copy.h"
#include "lib/format/qcow2/geometry.h"
#include "lib/format/qcow2/l2_map.h"

namespace instar::qcow2 {

class OldData {
 public:
  // `data`: where data clusters are. `backing` may be null.
  OldData(LayerCopy copy, File& file, File& data, Image* backing,
          const Geometry& geometry, L2Map& map)
      : file_(&file),
        data_(&data),
        backing_(backing),
        geometry_(&geometry),
        map_(&map),
        copy_(copy) {}

  // Whether all layers together say that [offset, +length) reads as zeroes;
  // what lies behind the image's end does.
  Result<bool> IsZero(uint64_t offset, uint64_t length);

  // Makes [host_offset, +length) of the data file hold the guest-visible bytes
  // from `offset` on. `is_zero`: the file holds zeroes there.
  Status Copy(uint64_t offset, uint64_t length, uint64_t host_offset,
              bool is_zero);

  // The same, with zeroes written as such.
  Status CopyAsBytes(uint64_t offset, uint64_t length, uint64_t host_offset);

 private:
  Result<LayerPiece> Find(uint64_t offset, uint64_t length);

  File* file_;
  File* data_;
  Image* backing_;
  const Geometry* geometry_;
  L2Map* map_;
  LayerCopy copy_;
};

}  // namespace instar::qcow2
