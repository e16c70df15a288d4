// `map`: which layer of a chain holds each run of guest-visible bytes, and
// where.
#include "guest/op/map/entry_stream.h"
#include "guest/rt/chain.h"
#include "guest/rt/context.h"
#include "guest/rt/findings.h"
#include "lib/base/checked.h"
#include "lib/base/errno.h"
#include "lib/format/chain.h"

namespace instar::guest {
namespace {

constexpr uint32_t kDepthShift = 8;
constexpr uint32_t kSlotShift = 16;

MapEntry EntryOf(uint64_t start, const LayerExtent& found) {
  const Extent& extent = found.extent;
  MapEntry entry = {.start = start,
                    .length = extent.length,
                    .kind = found.depth << kDepthShift};
  if ((extent.flags & kExtentData) != 0) {
    entry.kind |= instar_proto_MapKind_MAP_KIND_DATA;
  }
  if ((extent.flags & kExtentZero) != 0) {
    entry.kind |= instar_proto_MapKind_MAP_KIND_ZERO;
  }
  if ((extent.flags & kExtentAllocated) != 0) {
    entry.kind |= instar_proto_MapKind_MAP_KIND_PRESENT;
  }
  if ((extent.flags & kExtentCompressed) != 0) {
    entry.kind |= instar_proto_MapKind_MAP_KIND_COMPRESSED;
  }
  if ((extent.flags & kExtentOffset) != 0) {
    entry.kind |= instar_proto_MapKind_MAP_KIND_OFFSET | extent.file->slot()
                                                             << kSlotShift;
    entry.offset = extent.host_offset;
  }
  return entry;
}

class Mapping {
 public:
  Mapping(const instar_proto_MapConfig& config, Image& top, EntryStream& out)
      : config_(config), top_(top), out_(out) {
    if (!config.splits_by_presence) {
      ignored_ |= instar_proto_MapKind_MAP_KIND_PRESENT;
    }
    if (!config.splits_by_compression) {
      ignored_ |= instar_proto_MapKind_MAP_KIND_COMPRESSED;
    }
  }

  // Reports all entries, of which there is at least one, perhaps empty. After
  // an error: position() is where it was met, and what came before has been
  // reported but for the last run.
  Status Run() {
    uint64_t end = top_.virtual_size();
    if (config_.has_max_length && config_.start <= end) {
      end = Min(end, TRY(CheckedAdd(config_.start, config_.max_length)));
    }
    run_ = {.start = config_.start};
    while (run_.end() < end) {
      const LayerExtent found =
          TRY(LocateByLayer(&top_, run_.end(), end - run_.end()));
      if (found.extent.length == 0) {
        return Error{.fault = Fault::kErrno, .error = kEio};
      }
      const MapEntry next = EntryOf(run_.end(), found);
      if (Joins(next)) {
        run_.length += next.length;
        continue;
      }
      if (run_.length != 0) {
        out_.Add(run_);
      }
      if (run_.length != 0 && config_.stops_without_offset && LacksOffset()) {
        return {};
      }
      run_ = next;
    }
    out_.Add(run_);
    return {};
  }

  uint64_t position() const { return run_.end(); }

 private:
  bool Joins(const MapEntry& next) const {
    const bool has_offset =
        (next.kind & instar_proto_MapKind_MAP_KIND_OFFSET) != 0;
    return run_.length != 0 && ((run_.kind ^ next.kind) & ~ignored_) == 0 &&
           (!has_offset || run_.offset + run_.length == next.offset);
  }

  // Data that no file holds as it is.
  bool LacksOffset() const {
    constexpr uint32_t kBoth = instar_proto_MapKind_MAP_KIND_DATA |
                               instar_proto_MapKind_MAP_KIND_OFFSET;
    return (run_.kind & kBoth) == instar_proto_MapKind_MAP_KIND_DATA;
  }

  const instar_proto_MapConfig& config_;
  Image& top_;
  EntryStream& out_;
  MapEntry run_;
  uint32_t ignored_ = 0;  // bits of kind
};

}  // namespace

bool RunOperation(Context& context) {
  const instar_proto_MapConfig& config = context.config->operation.map;
  Image* image = OpenSource(context, config.source, Sharing::kFormatsOnly);
  if (image == nullptr) {
    return false;
  }
  const Result<EntryStream*> stream =
      EntryStream::Create(context.arena, *context.requests);
  if (!stream.ok()) {
    ReportFailure(stream.error(), {.slot = image->file().slot()});
    return false;
  }
  Mapping mapping(config, *image, *stream.value());
  const Status status = mapping.Run();
  stream.value()->Finish();
  if (!status.ok()) {
    ReportFailure(status.error(), {.stage = instar_proto_Stage_STAGE_STATUS,
                                   .slot = image->file().slot(),
                                   .position = mapping.position()});
  }
  return status.ok();
}

}  // namespace instar::guest
