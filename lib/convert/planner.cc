#include "lib/convert/planner.h"

#include "lib/base/checked.h"
#include "lib/format/chain.h"

namespace instar::convert {
namespace {

// qemu-img asks for the status of at most so much at a time.
constexpr uint64_t kMaxStatusSectors = ((uint64_t{1} << 31) - 512) / 512;

uint64_t SectorsOf(const Image& image) {
  return DivRoundUp(image.virtual_size(), 512);
}

// Runs end at multiples of it where that leaves something of them.
uint64_t AlignmentOf(const Image& image) {
  return Max(image.facts().cluster_size / 512, 1);
}

}  // namespace

Planner::Planner(std::span<Image* const> sources, const PlanOptions& options)
    : sources_(sources), options_(options) {
  for (const Image* source : sources) {
    total_sectors_ += SectorsOf(*source);
  }
  if (options.has_part) {
    total_sectors_ = DivRoundUp(options.part_length, 512);
  }
}

// Finds the kind of the bytes from sector_ on and how far it goes, asking for
// `want` sectors.
Status Planner::FindRun(uint64_t want) {
  Image* source = sources_[current_];
  const uint64_t offset = sector_ - current_start_;
  bool behind_backing = false;
  if (options_.target_backing_sectors >= 0) {
    const auto end = static_cast<uint64_t>(options_.target_backing_sectors);
    behind_backing = sector_ >= end;
    if (!behind_backing) {
      want = Min(want, end - sector_);
    }
  }
  const Image* base = options_.target_has_backing ? source->backing() : nullptr;
  const Extent extent =
      TRY(LocateAbove(source, base, offset * 512, want * 512, true, nullptr));
  uint64_t length = DivRoundUp(extent.length, 512);
  const uint64_t tail = (offset + length) % AlignmentOf(*source);
  if (length > tail) {
    length -= tail;
  }
  if (length == 0) {
    return Error{.fault = Fault::kInternal, .value = offset};
  }
  if ((extent.flags & kExtentZero) != 0) {
    run_kind_ = behind_backing ? ChunkKind::kBacking : ChunkKind::kZero;
  } else if ((extent.flags & kExtentData) != 0) {
    run_kind_ = ChunkKind::kData;
  } else {
    run_kind_ =
        options_.target_has_backing ? ChunkKind::kBacking : ChunkKind::kData;
  }
  run_end_ = sector_ + length;
  return {};
}

Planner::Origin Planner::OriginOf(uint64_t position) const {
  if (options_.has_part) {
    return {.source = sources_[0],
            .offset = options_.part_offset + position,
            .left = options_.part_length - Min(options_.part_length, position)};
  }
  uint64_t offset = position;
  for (Image* source : sources_) {
    const uint64_t bytes = SectorsOf(*source) * 512;
    if (offset < bytes) {
      return {.source = source, .offset = offset, .left = bytes - offset};
    }
    offset -= bytes;
  }
  Panic("a position behind the last source");
}

// A run that ends within a cluster makes the whole cluster data; so do zeroes
// that are to be stored.
Chunk Planner::WholeClusters(Chunk chunk) const {
  if (chunk.kind == ChunkKind::kZero && options_.zeroes_are_data) {
    chunk.kind = ChunkKind::kData;
  }
  const uint64_t cluster = options_.cluster_sectors * 512;
  if (chunk.length >= cluster) {
    chunk.length = chunk.kind == ChunkKind::kData
                       ? cluster
                       : chunk.length / cluster * cluster;
    return chunk;
  }
  const uint64_t left = total_bytes() - chunk.position;
  if (chunk.length < left || chunk.kind == ChunkKind::kData) {
    chunk.length = Min(cluster, left);
    chunk.kind = ChunkKind::kData;
  }
  return chunk;
}

bool Planner::CountsAsData(const Chunk& chunk) const {
  return chunk.kind == ChunkKind::kData ||
         (chunk.kind == ChunkKind::kZero && options_.zeroes_are_data) ||
         chunk.length < options_.cluster_sectors * 512;
}

Chunk Planner::NextOfPart() {
  const uint64_t length =
      Min(total_sectors_ - sector_, options_.buffer_sectors);
  const Chunk chunk = {.source = sources_[0],
                       .source_offset = options_.part_offset + sector_ * 512,
                       .position = sector_ * 512,
                       .length = length * 512};
  sector_ += length;
  return chunk;
}

Result<Chunk> Planner::Next() {
  INSTAR_CHECK(!AtEnd());
  if (options_.has_part) {
    return NextOfPart();
  }
  while (sector_ - current_start_ >= SectorsOf(*sources_[current_])) {
    current_start_ += SectorsOf(*sources_[current_]);
    ++current_;
    run_end_ = 0;
    INSTAR_CHECK(current_ < sources_.size());
  }
  if (run_end_ <= sector_) {
    const Status found =
        FindRun(Min(total_sectors_ - sector_, kMaxStatusSectors));
    if (!found.ok()) {
      return found.error();
    }
  }
  uint64_t length = Min(run_end_, total_sectors_) - sector_;
  ChunkKind kind = run_kind_;
  if (kind == ChunkKind::kData ||
      (kind == ChunkKind::kZero && options_.zeroes_are_data)) {
    length = Min(length, options_.buffer_sectors);
  }
  Chunk chunk = {.source = sources_[current_],
                 .source_offset = (sector_ - current_start_) * 512,
                 .position = sector_ * 512,
                 .length = length * 512,
                 .kind = kind};
  if (options_.cluster_sectors != 0) {
    chunk = WholeClusters(chunk);
  }
  sector_ += chunk.length / 512;
  return chunk;
}

}  // namespace instar::convert
