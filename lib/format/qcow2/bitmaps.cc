#include "lib/format/qcow2/bitmaps.h"

#include "lib/base/checked.h"
#include "lib/base/errno.h"

namespace instar::qcow2 {
namespace {

using Raw = FixedView<BitmapEntryLayout::kSize>;

bool IsSound(const Header& header, const Raw& raw) {
  using L = BitmapEntryLayout;
  const uint64_t entries = raw.Get<L::kTableEntries>();
  const uint64_t table = raw.Get<L::kTableOffset>();
  const uint64_t granularity = raw.Get<L::kGranularityBits>();
  const uint64_t name_bytes = raw.Get<L::kNameBytes>();
  const uint32_t flags = raw.Get<L::kFlags>();
  if (entries == 0 || entries > kMaxBitmapTableEntries || table == 0 ||
      table % header.cluster_size() != 0) {
    return false;
  }
  if (granularity < kMinBitmapGranularityBits ||
      granularity > kMaxBitmapGranularityBits) {
    return false;
  }
  if ((flags & ~kKnownBitmapFlags) != 0 || name_bytes == 0 ||
      name_bytes > kMaxBitmapNameBytes ||
      raw.Get<L::kType>() != kBitmapTypeDirtyTracking) {
    return false;
  }
  // At most 2^27 * 2^21.
  const uint64_t stored_bytes = entries * header.cluster_size();
  if (stored_bytes > kMaxBitmapStoredBytes) {
    return false;
  }
  return (flags & kBitmapInUse) != 0 ||
         header.virtual_size() <= (stored_bytes * 8) << granularity;
}

Status Visit(const Raw& raw, ByteView name, FactsVisitor& visitor) {
  using L = BitmapEntryLayout;
  const uint32_t flags = raw.Get<L::kFlags>();
  return visitor.OnBitmap(BitmapFacts{
      .name = UpToZero(name),
      .granularity = uint64_t{1} << raw.Get<L::kGranularityBits>(),
      .in_use = (flags & kBitmapInUse) != 0,
      .automatic = (flags & kBitmapAuto) != 0,
      .table_offset = raw.Get<L::kTableOffset>(),
      .table_entries = raw.Get<L::kTableEntries>(),
  });
}

// Errnos that qemu-img adds to what it says of a bitmap's table and data.

Error Named(Fault fault, ByteView name, Arena& arena, int32_t error = 0) {
  const MutableBytes text = TRY(arena.Allocate(name.size(), 1));
  TRY(text.PutBytes(0, name));
  const ByteView shown = UpToZero(text.view());
  return {.fault = fault,
          .text = shown.data(),
          .text_bytes = static_cast<uint32_t>(shown.size()),
          .error = error};
}

// The clusters that a bitmap's bits take.
uint64_t NeededClusters(const Header& header, const Raw& raw) {
  const uint64_t granularity =
      uint64_t{1} << raw.Get<BitmapEntryLayout::kGranularityBits>();
  // Bits are kept in words of 64.
  const uint64_t bits = DivRoundUp(header.virtual_size(), granularity);
  return DivRoundUp(DivRoundUp(bits, 64) * 8, header.cluster_size());
}

// What qemu-img finds wrong when it loads the bits of a bitmap that is not in
// use. The bits themselves can be anything.
Status CheckTable(BlockCache& cache, const Header& header, const Raw& raw,
                  ByteView name, Arena& arena) {
  using L = BitmapEntryLayout;
  const uint64_t entries = raw.Get<L::kTableEntries>();
  const uint64_t table = raw.Get<L::kTableOffset>();
  if (table > kMaxReadOffset - entries * Be64::kSize) {
    return Named(Fault::kQcow2BitmapTable, name, arena, kEio);
  }
  for (uint64_t i = 0; i < entries; ++i) {
    const uint64_t entry = TRY(cache.At<Be64>(table + i * Be64::kSize));
    const uint64_t offset = entry & kBitmapTableOffsetMask;
    const bool has_flag = (entry & kBitmapTableAllOnes) != 0;
    if ((entry & kBitmapTableReservedMask) != 0 || (offset != 0 && has_flag) ||
        offset % header.cluster_size() != 0) {
      return Named(Fault::kQcow2BitmapTable, name, arena, kEinval);
    }
  }
  if (entries != NeededClusters(header, raw)) {
    return Named(Fault::kQcow2BitmapData, name, arena, kEinval);
  }
  return {};
}

// What WalkEntries does with an entry that is sound.
enum class Purpose { kNothing, kCheckTable, kVisit };

// One entry of `room` bytes at most, at `at`; returns its length.
Result<uint64_t> WalkEntry(BlockCache& cache, const Header& header, uint64_t at,
                           uint64_t room, Arena& arena, Purpose purpose,
                           FactsVisitor* visitor) {
  using L = BitmapEntryLayout;
  uint8_t bytes[L::kSize];
  TRY(cache.Copy(at, MutableBytes(bytes, sizeof bytes)));
  const Raw raw(bytes);
  const uint64_t name_bytes = raw.Get<L::kNameBytes>();
  const uint64_t extra_bytes = raw.Get<L::kExtraBytes>();
  const uint64_t length =
      TRY(CheckedAlignUp(L::kSize + extra_bytes + name_bytes, 8));
  if (length > room) {
    return Error{.fault = Fault::kQcow2BitmapDirectoryBroken};
  }
  if (extra_bytes != 0) {
    return Error{.fault = Fault::kQcow2BitmapExtra};
  }
  uint8_t text[kMaxBitmapNameBytes];
  const MutableBytes name(text, Min(name_bytes, sizeof text));
  TRY(cache.Copy(at + L::kSize, name));
  if (!IsSound(header, raw)) {
    return Named(Fault::kQcow2BitmapConstraints, name.view(), arena);
  }
  const bool in_use = (raw.Get<L::kFlags>() & kBitmapInUse) != 0;
  if (purpose == Purpose::kCheckTable && !in_use) {
    TRY(CheckTable(cache, header, raw, name.view(), arena));
  }
  if (purpose == Purpose::kVisit) {
    TRY(Visit(raw, name.view(), *visitor));
  }
  return length;
}

Status WalkEntries(BlockCache& cache, const Header& header,
                   const Extensions& extensions, Arena& arena, Purpose purpose,
                   FactsVisitor* visitor) {
  const uint64_t total = extensions.bitmap_directory_bytes;
  uint64_t done = 0;
  uint64_t count = 0;
  // Each round moves on by an entry, 24 bytes or more.
  while (done < total) {
    const uint64_t room = total - done;
    if (room < BitmapEntryLayout::kSize) {
      return Error{.fault = Fault::kQcow2BitmapDirectoryBroken};
    }
    ++count;
    if (count > extensions.num_bitmaps) {
      return Error{.fault = Fault::kQcow2BitmapMore};
    }
    done +=
        TRY(WalkEntry(cache, header, extensions.bitmap_directory_offset + done,
                      room, arena, purpose, visitor));
  }
  if (count != extensions.num_bitmaps) {
    return Error{.fault = Fault::kQcow2BitmapLess};
  }
  return {};
}

Status CheckDirectory(const Extensions& extensions) {
  if (extensions.bitmap_directory_bytes == 0) {
    return Error{.fault = Fault::kQcow2BitmapDirectoryEmpty};
  }
  TRY(CheckedAdd(extensions.bitmap_directory_offset,
                 extensions.bitmap_directory_bytes));
  return {};
}

}  // namespace

Status CheckBitmaps(BlockCache& cache, const Header& header,
                    const Extensions& extensions, Arena& arena) {
  if (extensions.num_bitmaps == 0) {
    return {};
  }
  TRY(CheckDirectory(extensions));
  // The whole directory comes before the first table.
  TRY(WalkEntries(cache, header, extensions, arena, Purpose::kNothing,
                  nullptr));
  return WalkEntries(cache, header, extensions, arena, Purpose::kCheckTable,
                     nullptr);
}

Status ListBitmaps(BlockCache& cache, const Header& header,
                   const Extensions& extensions, Arena& arena,
                   FactsVisitor& visitor) {
  if (extensions.num_bitmaps == 0) {
    return {};
  }
  TRY(CheckDirectory(extensions));
  return WalkEntries(cache, header, extensions, arena, Purpose::kVisit,
                     &visitor);
}

}  // namespace instar::qcow2
