#include "lib/format/vpc/create.h"

#include "lib/base/checked.h"
#include "lib/format/first_block.h"
#include "lib/format/uuid.h"
#include "lib/format/vpc/header.h"

namespace instar::vpc {
namespace {

using Footer = FooterLayout;
using Dynamic = DynamicLayout;

// Where qemu-img puts things: the dynamic header behind the copy of the footer,
// the table behind that.
constexpr uint64_t kDynamicOffset = Footer::kSize;
constexpr uint64_t kTableOffset = kDynamicOffset + Dynamic::kSize;
constexpr uint64_t kBlockBytes = 2 << 20;

constexpr uint64_t kBufferBytes = 64 * 1024;

// "CHS Calculation", the specification's appendix.
Geometry Calculate(uint64_t sectors) {
  const uint64_t total = Min(sectors, kMaxGeometrySectors);
  Geometry out = {.heads = 16, .sectors_per_track = 255};
  if (total < uint64_t{65535} * 16 * 63) {
    out.sectors_per_track = 17;
    uint64_t tracks = total / 17;
    out.heads = Max(DivRoundUp(tracks, 1024), 4);
    if (tracks >= out.heads * 1024 || out.heads > 16) {
      out.sectors_per_track = 31;
      out.heads = 16;
      tracks = total / 31;
    }
    if (tracks >= out.heads * 1024) {
      out.sectors_per_track = 63;
      out.heads = 16;
    }
  }
  out.cylinders = total / out.sectors_per_track / out.heads;
  return out;
}

struct Plan {
  uint32_t creator = 0;
  Geometry geometry;
  uint64_t sectors = 0;

  uint64_t bytes() const { return sectors * kSectorBytes; }
};

Result<Plan> MakePlan(const CreateOptions& options) {
  const uint64_t sectors = DivRoundUp(options.size, kSectorBytes);
  Plan plan = {.creator = CreatorOf("qem2"),
               .geometry = {65535, 16, 255},
               .sectors = sectors};
  if (!options.block.force_size) {
    plan.creator = CreatorOf("qemu");
    plan.geometry = GeometryFor(sectors);
    if (plan.geometry.sectors() != kMaxGeometrySectors) {
      plan.sectors = plan.geometry.sectors();
    }
  }
  if (plan.sectors > kMaxDiskSectors) {
    return Error{.fault = Fault::kVpcCreateTooLarge, .value = plan.sectors};
  }
  return plan;
}

Status PutChecksum(const MutableBytes& record, uint64_t offset) {
  return record.Put<Be32>(offset, ChecksumOf(record.view(), offset));
}

Status FillFooter(const MutableBytes& out, const Plan& plan,
                  const CreateOptions& options) {
  const bool fixed = options.block.fixed;
  const Geometry& geometry = plan.geometry;
  TRY(out.Put<Be64>(Footer::kCookie.offset, kFooterCookie));
  TRY(out.Put<Be32>(Footer::kFeatures.offset, kFeatureReserved));
  TRY(out.Put<Be32>(Footer::kVersion.offset, kFileVersion));
  TRY(out.Put<Be64>(Footer::kDataOffset.offset,
                    fixed ? kNoOffset : kDynamicOffset));
  TRY(out.Put<Be32>(Footer::kTimestamp.offset,
                    static_cast<uint32_t>(options.unix_time - kEpoch)));
  TRY(out.Put<Be32>(Footer::kCreator.offset, plan.creator));
  TRY(out.Put<Be32>(Footer::kCreatorVersion.offset, kWrittenCreatorVersion));
  TRY(out.Put<Be32>(Footer::kCreatorHost.offset, CreatorOf("Wi2k")));
  TRY(out.Put<Be64>(Footer::kOriginalSize.offset, plan.bytes()));
  TRY(out.Put<Be64>(Footer::kCurrentSize.offset, plan.bytes()));
  TRY(out.Put<Be16>(Footer::kCylinders.offset,
                    static_cast<uint16_t>(geometry.cylinders)));
  TRY(out.Put<U8>(Footer::kHeads.offset, static_cast<uint8_t>(geometry.heads)));
  TRY(out.Put<U8>(Footer::kSectorsPerTrack.offset,
                  static_cast<uint8_t>(geometry.sectors_per_track)));
  TRY(out.Put<Be32>(Footer::kDiskType.offset,
                    fixed ? kDiskFixed : kDiskDynamic));
  TRY(PutUuid(out, Footer::kUniqueId, options.random, 0,
              UuidOrder::kBigEndian));
  return PutChecksum(out, Footer::kChecksum.offset);
}

Status WriteTable(Arena& arena, File& file, uint64_t length) {
  const uint64_t mark = arena.Mark();
  const MutableBytes buffer = TRY(arena.Allocate(kBufferBytes));
  buffer.Fill(0xff);
  for (uint64_t done = 0; done < length; done += buffer.size()) {
    TRY(file.WriteAt(kTableOffset + done, buffer.Prefix(length - done).view()));
  }
  arena.Rewind(mark);
  return {};
}

Status WriteDynamic(Arena& arena, File& file, const Plan& plan,
                    ByteView footer) {
  const uint64_t num_entries = DivRoundUp(plan.bytes(), kBlockBytes);
  const uint64_t table_bytes =
      TRY(CheckedAlignUp(num_entries * kEntryBytes, kSectorBytes));
  uint8_t bytes[Dynamic::kSize] = {};
  const MutableBytes header(bytes, sizeof bytes);
  TRY(header.Put<Be64>(Dynamic::kCookie.offset, kDynamicCookie));
  TRY(header.Put<Be64>(Dynamic::kDataOffset.offset, kNoOffset));
  TRY(header.Put<Be64>(Dynamic::kTableOffset.offset, kTableOffset));
  TRY(header.Put<Be32>(Dynamic::kVersion.offset, kFileVersion));
  TRY(header.Put<Be32>(Dynamic::kMaxTableEntries.offset,
                       static_cast<uint32_t>(num_entries)));
  TRY(header.Put<Be32>(Dynamic::kBlockSize.offset, uint32_t{kBlockBytes}));
  TRY(PutChecksum(header, Dynamic::kChecksum.offset));
  TRY(WriteTable(arena, file, table_bytes));
  TRY(file.WriteAt(kTableOffset + table_bytes, footer));
  TRY(file.WriteAt(kDynamicOffset, header.view()));
  return file.WriteAt(0, footer);
}

Status WriteFixed(File& file, const Plan& plan, ByteView footer) {
  const uint64_t size = plan.bytes() + Footer::kSize;
  TRY(file.Truncate(size, FilePreallocation::kSparse));
  TRY(WriteFirstBlock(file, size));
  return file.WriteAt(plan.bytes(), footer);
}

}  // namespace

Geometry GeometryFor(uint64_t sectors) {
  // The next size of one cylinder more is near, even where the number of heads
  // changes on the way.
  constexpr uint64_t kMaxSteps = uint64_t{2} * 16 * 255;
  const uint64_t wanted = Min(sectors, kMaxGeometrySectors);
  Geometry geometry;
  for (uint64_t i = 0; i < kMaxSteps && geometry.sectors() < wanted; ++i) {
    geometry = Calculate(wanted + i);
  }
  return geometry;
}

Result<uint64_t> MagicOffset(const CreateOptions& options) {
  if (!options.block.fixed) {
    return uint64_t{0};
  }
  const Plan plan = TRY(MakePlan(options));
  return plan.bytes();
}

Status CreateImage(Arena& arena, const TargetFiles& files,
                   const CreateOptions& options) {
  const Plan plan = TRY(MakePlan(options));
  uint8_t bytes[Footer::kSize] = {};
  const MutableBytes footer(bytes, sizeof bytes);
  TRY(FillFooter(footer, plan, options));
  return options.block.fixed
             ? WriteFixed(*files.file, plan, footer.view())
             : WriteDynamic(arena, *files.file, plan, footer.view());
}

}  // namespace instar::vpc
