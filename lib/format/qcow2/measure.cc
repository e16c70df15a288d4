// How large a qcow2 image will be, by qemu-img's reckoning: every table for the
// whole disk, and the data clusters that the source has.
#include "lib/format/measure.h"

#include <bit>

#include "lib/base/checked.h"
#include "lib/format/qcow2/geometry.h"
#include "lib/format/qcow2/layout.h"

namespace instar::qcow2 {
namespace {

constexpr uint8_t kName[] = {'q', 'c', 'o', 'w', '2'};
constexpr uint64_t kMinExtendedL2Cluster = 16384;
constexpr uint32_t kMaxRefcountBits = uint32_t{1} << kMaxRefcountOrder;
// A refcount block counts 64 clusters or more, so that the sum settles within
// a few rounds.
constexpr uint32_t kMaxRounds = 64;

Error Refused(Fault fault, uint64_t value = 0) {
  return {.fault = fault, .value = value};
}

Status CheckClusters(const MeasureOptions& options) {
  const Qcow2CreateOptions& qcow2 = options.create.qcow2;
  const uint64_t size = qcow2.cluster_size;
  if (!IsPowerOfTwo(size) || size < uint64_t{1} << kMinClusterBits ||
      size > uint64_t{1} << kMaxClusterBits) {
    return Refused(Fault::kQcow2CreateClusterSize, size);
  }
  if (qcow2.extended_l2 && size < kMinExtendedL2Cluster) {
    return Refused(Fault::kQcow2CreateExtendedL2Cluster, size);
  }
  return {};
}

Status CheckOptions(const MeasureOptions& options) {
  const Qcow2CreateOptions& qcow2 = options.create.qcow2;
  const uint32_t bits = qcow2.refcount_bits;
  if (!IsPowerOfTwo(bits) || bits > kMaxRefcountBits) {
    return Refused(Fault::kQcow2CreateRefcountBits, bits);
  }
  if (qcow2.version < 3 && bits != uint32_t{1} << kDefaultRefcountOrder) {
    return Refused(Fault::kQcow2MeasureRefcountVersion, bits);
  }
  return {};
}

Result<Geometry> GeometryOf(const MeasureOptions& options,
                            const Image* source) {
  const Qcow2CreateOptions& qcow2 = options.create.qcow2;
  const uint64_t size = TRY(MeasuredSize(options, source));
  return Geometry{
      .version = qcow2.version,
      .cluster_bits =
          static_cast<uint64_t>(std::countr_zero(qcow2.cluster_size)),
      .refcount_order =
          static_cast<uint64_t>(std::countr_zero(qcow2.refcount_bits)),
      .extended_l2 = qcow2.extended_l2,
      .virtual_size = TRY(CheckedAlignUp(size, qcow2.cluster_size))};
}

// Clusters of the refcount table and its blocks, for themselves and `others`.
Result<uint64_t> RefcountClusters(const Geometry& geometry, uint64_t others) {
  const uint64_t per_table =
      geometry.cluster_bytes() / kRefcountTableEntryBytes;
  uint64_t needed = 0;
  for (uint32_t round = 0; round < kMaxRounds; ++round) {
    const uint64_t all = TRY(CheckedAdd(others, needed));
    const uint64_t blocks = DivRoundUp(all, geometry.refcounts_per_block());
    const uint64_t now = blocks + DivRoundUp(blocks, per_table);
    if (now == needed) {
      break;
    }
    needed = now;
  }
  return needed;
}

// Bytes of an image whose clusters are all there.
Result<uint64_t> FullBytes(const Geometry& geometry) {
  const uint64_t cluster = geometry.cluster_bytes();
  const uint64_t data = geometry.Clusters(geometry.virtual_size);
  const uint64_t l2_tables = DivRoundUp(data, geometry.l2_entries());
  const uint64_t l1_clusters = DivRoundUp(l2_tables, cluster / kL1EntryBytes);
  const uint64_t clusters = 1 + l2_tables + l1_clusters + data;
  const uint64_t refcounts = TRY(RefcountClusters(geometry, clusters));
  return CheckedMul(TRY(CheckedAdd(clusters, refcounts)), cluster);
}

// Adds up what the bitmaps of a source take in a new image.
class BitmapSum final : public FactsVisitor {
 public:
  BitmapSum(const Geometry& geometry, uint64_t disk_bytes)
      : geometry_(&geometry), disk_bytes_(disk_bytes) {}

  Status OnSnapshot(const SnapshotFacts& /*snapshot*/) override { return {}; }
  Status OnBitmap(const BitmapFacts& bitmap) override {
    if (bitmap.in_use || bitmap.granularity == 0) {
      return {};
    }
    const uint64_t bits = DivRoundUp(disk_bytes_, bitmap.granularity);
    const uint64_t clusters = geometry_->Clusters(DivRoundUp(bits, 8));
    clusters_ += clusters + geometry_->Clusters(clusters * Be64::kSize);
    directory_ +=
        TRY(CheckedAlignUp(BitmapEntryLayout::kSize + bitmap.name.size(), 8));
    return {};
  }

  Result<uint64_t> Bytes() const {
    return CheckedMul(clusters_ + geometry_->Clusters(directory_),
                      geometry_->cluster_bytes());
  }

 private:
  const Geometry* geometry_;
  uint64_t disk_bytes_;
  uint64_t clusters_ = 0;
  uint64_t directory_ = 0;
};

Status AddBitmaps(const MeasureOptions& options, const Geometry& geometry,
                  Image& source, Measurement& sizes) {
  const ImageFacts& facts = source.facts();
  const bool is_known =
      facts.qcow2 != nullptr
          ? facts.qcow2->version >= 3
          : options.parallels_has_bitmaps &&
                facts.format.Equals(ByteView::Of("parallels"));
  if (geometry.version < 3 || !is_known) {
    return {};
  }
  sizes.has_bitmaps = true;
  if (facts.qcow2 != nullptr) {
    BitmapSum sum(geometry, facts.virtual_size);
    TRY(source.List(sum));
    sizes.bitmaps = TRY(sum.Bytes());
  }
  return {};
}

Result<Measurement> Measure(const MeasureOptions& options, Image* source) {
  const Geometry geometry = TRY(GeometryOf(options, source));
  const uint64_t size = geometry.virtual_size;
  const Preallocation mode = options.create.preallocation;
  const bool takes_all = mode == Preallocation::kFalloc ||
                         mode == Preallocation::kFull ||
                         (source != nullptr && options.has_backing_file);
  uint64_t data = takes_all ? size : 0;
  if (source == nullptr) {
    const uint64_t l2_tables =
        DivRoundUp(geometry.Clusters(size), geometry.l2_entries());
    if (l2_tables > kMaxL1Bytes / kL1EntryBytes) {
      return Refused(Fault::kQcow2MeasureSize, size);
    }
  } else if (!takes_all) {
    data = TRY(CountDataBytes(*source, geometry.cluster_bytes()));
  }
  const uint64_t full = TRY(FullBytes(geometry));
  Measurement sizes = {.required = full - size + data, .fully_allocated = full};
  if (source != nullptr) {
    TRY(AddBitmaps(options, geometry, *source, sizes));
  }
  return sizes;
}

// A size past what can be reckoned with is just too large.
Result<Measurement> MeasureOrRefuse(const MeasureOptions& options,
                                    Image* source) {
  auto sizes = Measure(options, source);
  if (!sizes.ok() && sizes.error().fault == Fault::kOverflow) {
    return Refused(Fault::kQcow2MeasureSize, sizes.error().value);
  }
  return sizes;
}

}  // namespace

extern const Measurer kMeasurer;
constinit const Measurer kMeasurer = {.name = ByteView{kName, sizeof kName},
                                      .check_clusters = &CheckClusters,
                                      .check_options = &CheckOptions,
                                      .measure = &MeasureOrRefuse};

}  // namespace instar::qcow2
