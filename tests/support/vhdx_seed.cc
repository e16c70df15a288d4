#include "tests/support/vhdx_seed.h"

#include <algorithm>

#include "lib/format/vhdx/crc32c.h"

namespace instar::fakes {
namespace {

constexpr vhdx::Guid kLogGuid = {0x1111, 0x2222};
constexpr uint64_t kBlockBytes = 1 << 20;
constexpr uint64_t kItemsOffset = 0x10000;  // from the metadata region
constexpr uint64_t kSector = vhdx::kLogSectorBytes;

void PutIn(std::vector<uint8_t>& bytes, uint64_t offset, uint64_t value,
           uint64_t width) {
  for (uint64_t i = 0; i < width; ++i) {
    bytes.at(offset + i) = static_cast<uint8_t>(value >> 8 * i);
  }
}

uint64_t GetFrom(const std::vector<uint8_t>& bytes, uint64_t offset,
                 uint64_t width) {
  uint64_t value = 0;
  for (uint64_t i = 0; i < width; ++i) {
    value |= uint64_t{bytes.at(offset + i)} << 8 * i;
  }
  return value;
}

uint32_t SealOf(const std::vector<uint8_t>& bytes, uint64_t offset,
                uint64_t length) {
  vhdx::Crc32c crc;
  vhdx::AddSealed(crc, ByteView(bytes.data() + offset, length));
  return crc.value();
}

}  // namespace

VhdxSeed::VhdxSeed(bool with_log)
    : bytes_((with_log ? 3 : 2) * kBlockBytes),
      block_offset_((with_log ? 2 : 1) * kBlockBytes) {
  Put(0, vhdx::kFileSignature, 8);
  PutHeader(vhdx::kHeaderOffsets[0], 1, with_log);
  PutHeader(vhdx::kHeaderOffsets[1], 2, with_log);
  Put(vhdx::kRegionTableOffset, vhdx::kRegionSignature, 4);
  AddRegion(vhdx::kBatRegion, kBatOffset, kBatBytes, 1);
  AddRegion(vhdx::kMetadataRegion, kMetadataOffset, 0x10000 + 4096, 1);
  Put(kMetadataOffset, vhdx::kMetadataSignature, 8);
  AddItem(vhdx::kFileParameters, kBlockBytes, 8);
  AddItem(vhdx::kVirtualDiskSize, kNumBlocks * kBlockBytes, 8);
  AddItem(vhdx::kVirtualDiskId, 1, 8);
  AddItem(vhdx::kLogicalSectorSize, 512, 4);
  AddItem(vhdx::kPhysicalSectorSize, 4096, 4);
  SetBatEntry(0, block_offset_ | vhdx::kPayloadFullyPresent);
  Seal();
}

void VhdxSeed::Put(uint64_t offset, uint64_t value, uint64_t width) {
  PutIn(bytes_, offset, value, width);
}

void VhdxSeed::PutHeader(uint64_t offset, uint64_t sequence_number,
                         bool with_log) {
  Put(offset, vhdx::kHeaderSignature, 4);
  Put(offset + 8, sequence_number, 8);
  if (with_log) {
    Put(offset + 48, kLogGuid.low, 8);
    Put(offset + 56, kLogGuid.high, 8);
    Put(offset + 68, kLogBytes, 4);
  }
  Put(offset + 66, vhdx::kVersion, 2);
  Put(offset + 72, kLogOffset, 8);
}

void VhdxSeed::AddRegion(vhdx::Guid guid, uint64_t offset, uint32_t length,
                         uint32_t flags) {
  const uint64_t at = vhdx::kRegionTableOffset + 16 + 32 * num_regions_;
  Put(at, guid.low, 8);
  Put(at + 8, guid.high, 8);
  Put(at + 16, offset, 8);
  Put(at + 24, length, 4);
  Put(at + 28, flags, 4);
  ++num_regions_;
  Put(vhdx::kRegionTableOffset + 8, num_regions_, 4);
  Seal();
}

void VhdxSeed::AddItem(vhdx::MetadataItem item, uint64_t value,
                       uint64_t width) {
  const uint64_t at = kMetadataOffset + 32 + 32 * num_items_;
  const uint64_t item_offset = kItemsOffset + 16 * num_items_;
  Put(at, vhdx::kMetadataGuids[item].low, 8);
  Put(at + 8, vhdx::kMetadataGuids[item].high, 8);
  Put(at + 16, item_offset, 4);
  Put(at + 20, width, 4);
  Put(at + 24, vhdx::kMetadataRequired, 4);
  Put(kMetadataOffset + item_offset, value, width);
  ++num_items_;
  Put(kMetadataOffset + 10, num_items_, 2);
}

std::vector<uint8_t> VhdxSeed::BatSector(uint64_t index, uint64_t entry) const {
  const auto start = bytes_.begin() + static_cast<int64_t>(kBatOffset);
  std::vector<uint8_t> sector(start, start + static_cast<int64_t>(kSector));
  PutIn(sector, 8 * index, entry, 8);
  return sector;
}

void VhdxSeed::PutLogEntry(uint64_t at, const Entry& entry) {
  const uint64_t head_bytes =
      (64 + 32 * entry.pieces.size() + kSector - 1) / kSector * kSector;
  std::vector<uint8_t> out(head_bytes);
  uint64_t descriptor = 64;
  for (const Piece& piece : entry.pieces) {
    PutIn(out, descriptor + 16, piece.offset, 8);
    PutIn(out, descriptor + 24, entry.sequence_number, 8);
    if (piece.data.empty()) {
      PutIn(out, descriptor, vhdx::kZeroSignature, 4);
      PutIn(out, descriptor + 8, piece.zero_length, 8);
    } else {
      PutIn(out, descriptor, vhdx::kDataSignature, 4);
      PutIn(out, descriptor + 4, GetFrom(piece.data, 4092, 4), 4);
      PutIn(out, descriptor + 8, GetFrom(piece.data, 0, 8), 8);
      std::vector<uint8_t> sector = piece.data;
      PutIn(sector, 0, vhdx::kDataSectorSignature, 4);
      PutIn(sector, 4, entry.sequence_number >> 32, 4);
      PutIn(sector, 4092, entry.sequence_number, 4);
      out.insert(out.end(), sector.begin(), sector.end());
    }
    descriptor += 32;
  }
  PutIn(out, 0, vhdx::kLogEntrySignature, 4);
  PutIn(out, 8, out.size(), 4);
  PutIn(out, 12, entry.tail, 4);
  PutIn(out, 16, entry.sequence_number, 8);
  PutIn(out, 24, entry.pieces.size(), 4);
  PutIn(out, 32, kLogGuid.low, 8);
  PutIn(out, 40, kLogGuid.high, 8);
  PutIn(out, 48, entry.flushed_file_offset, 8);
  PutIn(out, 56, entry.last_file_offset, 8);
  PutIn(out, 4, SealOf(out, 0, out.size()), 4);
  for (uint64_t i = 0; i < out.size(); ++i) {
    bytes_.at(kLogOffset + (at + i) % kLogBytes) = out[i];
  }
  first_entry_bytes_ = at == 0 ? out.size() : first_entry_bytes_;
}

void VhdxSeed::SealRecord(uint64_t offset, uint64_t length) {
  Put(offset + 4, SealOf(bytes_, offset, length), 4);
}

void VhdxSeed::Seal() {
  SealRecord(vhdx::kHeaderOffsets[0], vhdx::HeaderLayout::kSize);
  SealRecord(vhdx::kHeaderOffsets[1], vhdx::HeaderLayout::kSize);
  SealRecord(vhdx::kRegionTableOffset, vhdx::RegionTableLayout::kSize);
  if (first_entry_bytes_ != 0) {
    SealRecord(kLogOffset, first_entry_bytes_);
  }
}

}  // namespace instar::fakes
