#include "lib/format/vhdx/log_region.h"

#include "lib/base/checked.h"
#include "lib/format/vhdx/crc32c.h"

namespace instar::vhdx {
namespace {

using L = LogEntryLayout;
using D = DescriptorLayout;

// Searching reads entries whose header looks right in whole, whatever their
// checksum then says: so much at most. It is enough for a log of 1 MiB, the
// usual length, in which an entry as long as the log seems to begin at every
// sector. qemu has no limit.
constexpr uint64_t kMaxCheckedBytes = 256 * kMib;

constexpr uint64_t kCachedBlocks = 2;

}  // namespace

uint64_t LogEntry::NumDescriptorSectors() const {
  return DivRoundUp(num_descriptors + kHeaderDescriptors,
                    kDescriptorsPerSector);
}

Result<LogRegion> LogRegion::Create(Arena& arena, File& file,
                                    const Header& header) {
  LogRegion log;
  log.cache_ = TRY(BlockCache::Create(arena, file, kCachedBlocks));
  log.cache_.SetBlockBytes(BlockCache::kMaxBlockBytes);
  log.file_ = &file;
  log.guid_ = header.log_guid;
  log.offset_ = header.log_offset;
  log.num_sectors_ = header.log_length / kLogSectorBytes;
  return log;
}

bool LogRegion::IsPastEnd(uint64_t index) const {
  return offset_ + index * kLogSectorBytes >= file_->size();
}

Result<ByteView> LogRegion::Sector(uint64_t index) {
  const uint64_t at = index % num_sectors_ * kLogSectorBytes;
  return cache_.View(offset_ + at, kLogSectorBytes);
}

Result<LogEntry> LogRegion::ReadEntryHeader(uint64_t index) {
  const ByteView sector = TRY(Sector(index));
  const auto raw = TRY(sector.Fixed<L::kSize>(0));
  const uint64_t length = raw.Get<L::kEntryLength>();
  const LogEntry entry = {
      .num_sectors = length / kLogSectorBytes,
      .sequence_number = raw.Get<L::kSequenceNumber>(),
      .tail = raw.Get<L::kTail>(),
      .num_descriptors = raw.Get<L::kNumDescriptors>(),
      .flushed_file_offset = raw.Get<L::kFlushedFileOffset>(),
      .last_file_offset = raw.Get<L::kLastFileOffset>(),
  };
  const Guid guid = {.low = raw.Get<L::kGuidLow>(),
                     .high = raw.Get<L::kGuidHigh>()};
  const bool is_valid = raw.Get<L::kSignature>() == kLogEntrySignature &&
                        length % kLogSectorBytes == 0 &&
                        entry.num_sectors <= num_sectors_ &&
                        entry.sequence_number != 0 && guid == guid_ &&
                        entry.num_descriptors * D::kSize <= length;
  return is_valid ? entry : LogEntry{};
}

Result<LogEntry> LogRegion::ReadEntry(uint64_t index, bool tolerant) {
  const LogEntry entry = TRY(ReadEntryHeader(index));
  if (!entry.IsValid()) {
    return LogEntry{};
  }
  const uint64_t num_descriptor_sectors = entry.NumDescriptorSectors();
  const bool fits =
      num_descriptor_sectors <= (tolerant ? entry.num_sectors : 1);
  bool good = fits;
  if (fits) {
    good = TRY(HasGoodDescriptors(index, entry));
  }
  if (!good && !tolerant) {
    return Error{.fault = Fault::kVhdxLogDescriptor, .value = index};
  }
  if (!good) {
    return LogEntry{};
  }
  const bool sealed = TRY(IsEntrySealed(index, entry));
  return sealed ? entry : LogEntry{};
}

Result<ByteView> LogRegion::RawDescriptor(uint64_t index, uint64_t n) {
  const uint64_t place = n + kHeaderDescriptors;
  const ByteView sector = TRY(Sector(index + place / kDescriptorsPerSector));
  return sector.Slice(place % kDescriptorsPerSector * D::kSize, D::kSize);
}

Result<bool> LogRegion::HasGoodDescriptors(uint64_t index,
                                           const LogEntry& entry) {
  for (uint64_t n = 0; n < entry.num_descriptors; ++n) {
    const ByteView bytes = TRY(RawDescriptor(index, n));
    const auto raw = TRY(bytes.Fixed<D::kSize>(0));
    const uint32_t signature = raw.Get<D::kSignature>();
    const bool is_zero = signature == kZeroSignature;
    if ((!is_zero && signature != kDataSignature) ||
        raw.Get<D::kSequenceNumber>() != entry.sequence_number ||
        raw.Get<D::kFileOffset>() % kLogSectorBytes != 0 ||
        (is_zero && raw.Get<D::kZeroLength>() % kLogSectorBytes != 0)) {
      return false;
    }
  }
  return true;
}

Result<bool> LogRegion::IsEntrySealed(uint64_t index, const LogEntry& entry) {
  checked_bytes_ += entry.num_sectors * kLogSectorBytes;
  if (checked_bytes_ > kMaxCheckedBytes) {
    return Error{.fault = Fault::kVhdxLogTooLarge};
  }
  const ByteView first = TRY(Sector(index));
  const uint32_t wanted = TRY(first.At<Le32>(L::kChecksum.offset));
  Crc32c crc;
  AddSealed(crc, first);
  for (uint64_t n = 1; n < entry.num_sectors; ++n) {
    const ByteView sector = TRY(Sector(index + n));
    crc.Add(sector);
  }
  return crc.value() == wanted;
}

Result<LogDescriptor> LogRegion::Descriptor(uint64_t index, uint64_t n) {
  const ByteView bytes = TRY(RawDescriptor(index, n));
  const auto raw = TRY(bytes.Fixed<D::kSize>(0));
  const bool is_zero = raw.Get<D::kSignature>() == kZeroSignature;
  return LogDescriptor{
      .is_zero = is_zero,
      .file_offset = raw.Get<D::kFileOffset>(),
      .zero_length = is_zero ? raw.Get<D::kZeroLength>() : 0,
      .leading_bytes = raw.Get<D::kLeadingBytes>(),
      .trailing_bytes = raw.Get<D::kTrailingBytes>(),
  };
}

}  // namespace instar::vhdx
