#include "lib/format/vhdx/bat.h"

#include <limits>

#include "lib/base/checked.h"
#include "lib/base/errno.h"

namespace instar::vhdx {
namespace {

constexpr uint64_t kMaxOffset = std::numeric_limits<int64_t>::max();

bool ReadsAsZeroes(uint64_t state) {
  return state <= kPayloadUnmappedV1 || state == kPayloadUnmapped;
}

// One problem: told to the visitor where there is one, else an error.
Status Report(const Error& problem, ProblemVisitor* visitor,
              uint64_t& num_problems) {
  if (visitor == nullptr) {
    return problem;
  }
  ++num_problems;
  return visitor->OnProblem(problem);
}

}  // namespace

Result<Bat> Bat::Create(const Region& region,
                        const DiskParameters& parameters) {
  // qemu counts blocks in 32 bits.
  const uint64_t num_blocks = static_cast<uint32_t>(
      DivRoundUp(parameters.virtual_size, parameters.block_bytes));
  Bat bat;
  bat.region_ = region;
  bat.block_bytes_ = parameters.block_bytes;
  bat.virtual_size_ = parameters.virtual_size;
  bat.chunk_ratio_ =
      kSectorsPerBitmapBlock * kSectorBytes / parameters.block_bytes;
  // … and a disk of no bytes has one block less than none.
  const uint64_t last_block = static_cast<uint32_t>(num_blocks - 1);
  bat.num_entries_ = num_blocks + last_block / bat.chunk_ratio_;
  if (bat.num_entries_ > region.length / kBatEntryBytes) {
    return Error{.fault = Fault::kVhdxBatTooSmall, .value = bat.num_entries_};
  }
  if (!IsReadable(region.offset, region.length)) {
    return Error{.fault = Fault::kVhdxUnreadable, .value = region.offset};
  }
  return bat;
}

// The entries from the window's start that holds entry `index`, up to the end
// of the window or of the table.
Result<Bat::Entries> Bat::Load(MetadataFile& file, uint64_t index) const {
  constexpr uint64_t kPerWindow =
      MetadataFile::kMaxWindowBytes / kBatEntryBytes;
  const uint64_t first = AlignDown(index, kPerWindow);
  const uint64_t room = region_.length / kBatEntryBytes;
  if (index >= room) {
    return Error{.fault = Fault::kErrno, .value = index, .error = kEio};
  }
  const ByteView bytes =
      TRY(file.Window(region_.offset + first * kBatEntryBytes,
                      Min(room - first, kPerWindow) * kBatEntryBytes));
  return Entries{.bytes = bytes, .first_index = first};
}

// Of a block: behind each chunk's blocks stands the entry of its bitmap.
uint64_t Bat::IndexOf(uint64_t offset) const {
  const uint64_t block = static_cast<uint32_t>(offset / block_bytes_);
  return block + block / chunk_ratio_;
}

Result<Mapping> Bat::Find(MetadataFile& file, uint64_t offset,
                          uint64_t length) const {
  const Entries entries = TRY(Load(file, IndexOf(offset)));
  Mapping mapping;
  const uint64_t in_block = offset % block_bytes_;
  uint64_t at = offset - in_block;
  // No more steps than a window has entries.
  while (mapping.length < length) {
    const uint64_t index = IndexOf(at);
    const auto entry =
        entries.bytes.At<Le64>((index - entries.first_index) * kBatEntryBytes);
    if (!entry.ok()) {
      break;  // the next window's
    }
    const uint64_t state = entry.value() & kBatStateMask;
    const uint64_t host = entry.value() & kBatOffsetMask;
    const bool is_data = state == kPayloadFullyPresent;
    const bool is_first = mapping.length == 0;
    if (!is_data && !ReadsAsZeroes(state)) {
      if (is_first) {
        return Error{.fault = Fault::kErrno, .value = state, .error = kEio};
      }
      break;
    }
    if (is_first) {
      mapping = {.length = block_bytes_ - in_block,
                 .is_data = is_data,
                 .host_offset = host + in_block};
    } else if (is_data != mapping.is_data ||
               (is_data && host != mapping.host_offset + mapping.length)) {
      break;
    } else {
      mapping.length += block_bytes_;
    }
    at += block_bytes_;
  }
  mapping.length = Min(mapping.length, length);
  return mapping;
}

// The last block may end where the disk does. qemu finds it by its place in the
// table as if there were no entries of bitmaps.
uint64_t Bat::StoredBytes(uint64_t index) const {
  return index == virtual_size_ / block_bytes_ ? virtual_size_ % block_bytes_
                                               : block_bytes_;
}

Result<uint64_t> Bat::CheckEntry(uint64_t index, uint64_t entry,
                                 uint64_t file_size, const Regions& regions,
                                 ProblemVisitor* visitor) const {
  uint64_t num_problems = 0;
  const uint64_t start = entry & kBatOffsetMask;
  const bool overflows = start > kMaxOffset - block_bytes_;
  if (overflows) {
    TRY(Report({.fault = Fault::kVhdxBatOverflow, .value = index}, visitor,
               num_problems));
  }
  if (start >= file_size) {
    TRY(Report({.fault = Fault::kVhdxBatStart,
                .value = index,
                .value2 = start,
                .value3 = file_size},
               visitor, num_problems));
  } else if (!overflows && start + StoredBytes(index) > file_size) {
    TRY(Report({.fault = Fault::kVhdxBatEnd,
                .value = index,
                .value2 = start + StoredBytes(index) - 1,
                .value3 = file_size},
               visitor, num_problems));
  }
  const Status free = regions.CheckFree(start, block_bytes_);
  if (!free.ok()) {
    TRY(Report(free.error(), visitor, num_problems));
  }
  return num_problems;
}

Result<uint64_t> Bat::Check(MetadataFile& file, const Regions& regions,
                            ProblemVisitor* visitor) const {
  const uint64_t file_size = file.size();
  // Entries beyond the end of the file are zeroes.
  const uint64_t stored =
      region_.offset < file_size
          ? DivRoundUp(file_size - region_.offset, kBatEntryBytes)
          : 0;
  const uint64_t end = Min(num_entries_, stored);
  uint64_t num_problems = 0;
  uint64_t index = 0;
  while (index < end) {
    const Entries entries = TRY(Load(file, index));
    const uint64_t in_window = entries.bytes.size() / kBatEntryBytes;
    const uint64_t window_end = Min(end, entries.first_index + in_window);
    for (; index < window_end; ++index) {
      const uint64_t entry = TRY(entries.bytes.At<Le64>(
          (index - entries.first_index) * kBatEntryBytes));
      if ((entry & kBatStateMask) == kPayloadFullyPresent) {
        num_problems +=
            TRY(CheckEntry(index, entry, file_size, regions, visitor));
      }
    }
  }
  return num_problems;
}

}  // namespace instar::vhdx
