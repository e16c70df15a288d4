#include "lib/format/vhdx/log_writer.h"

#include "lib/format/uuid.h"
#include "lib/format/vhdx/crc32c.h"

namespace instar::vhdx {
namespace {

// A sector with the entry's header and one descriptor, and the data sector.
constexpr uint64_t kEntryBytes = 2 * kLogSectorBytes;

}  // namespace

// SplitMix64: Steele, Lea, Flood, "Fast Splittable Pseudorandom Number
// Generators".
uint64_t GuidSource::Next() {
  state_ += 0x9e3779b97f4a7c15;
  uint64_t mixed = state_;
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
  return mixed ^ (mixed >> 31);
}

Status GuidSource::Put(const MutableBytes& record, uint64_t offset) {
  uint8_t bytes[kUuidBytes] = {};
  const MutableBytes random(bytes, sizeof bytes);
  TRY(random.Put<Le64>(0, Next()));
  TRY(random.Put<Le64>(Le64::kSize, Next()));
  return PutUuid(record, offset, random.view(), 0, UuidOrder::kBigEndian);
}

Result<LogWriter> LogWriter::Create(Arena& arena, File& file,
                                    const Header& header) {
  LogWriter writer;
  writer.file_ = &file;
  writer.log_offset_ = header.log_offset;
  writer.log_length_ = header.log_length / kEntryBytes * kEntryBytes;
  writer.entry_ = TRY(arena.Allocate(kEntryBytes));
  return writer;
}

Status LogWriter::Add(uint64_t offset, ByteView sector, uint64_t file_size,
                      GuidSource& guids) {
  using Entry = LogEntryLayout;
  using Descriptor = DescriptorLayout;
  using Data = DataSectorLayout;
  if (log_length_ == 0) {
    return {};
  }
  const uint64_t place = count_ * kEntryBytes % log_length_;
  const uint64_t sequence = ++count_;
  entry_.Fill(0);
  TRY(entry_.Put<Le32>(Entry::kSignature.offset, kLogEntrySignature));
  TRY(entry_.Put<Le32>(Entry::kEntryLength.offset, uint32_t{kEntryBytes}));
  TRY(entry_.Put<Le32>(Entry::kTail.offset, static_cast<uint32_t>(place)));
  TRY(entry_.Put<Le64>(Entry::kSequenceNumber.offset, sequence));
  TRY(entry_.Put<Le32>(Entry::kNumDescriptors.offset, uint32_t{1}));
  TRY(guids.Put(entry_, Entry::kGuidLow.offset));
  TRY(entry_.Put<Le64>(Entry::kFlushedFileOffset.offset, file_size));
  TRY(entry_.Put<Le64>(Entry::kLastFileOffset.offset, file_size));

  const MutableBytes descriptor =
      TRY(entry_.Slice(Entry::kSize, Descriptor::kSize));
  const uint64_t leading = TRY(sector.At<Le64>(0));
  const uint32_t trailing = TRY(sector.At<Le32>(Data::kSequenceLow.offset));
  TRY(descriptor.Put<Le32>(Descriptor::kSignature.offset, kDataSignature));
  TRY(descriptor.Put<Le32>(Descriptor::kTrailingBytes.offset, trailing));
  TRY(descriptor.Put<Le64>(Descriptor::kLeadingBytes.offset, leading));
  TRY(descriptor.Put<Le64>(Descriptor::kFileOffset.offset, offset));
  TRY(descriptor.Put<Le64>(Descriptor::kSequenceNumber.offset, sequence));

  const MutableBytes data = TRY(entry_.Slice(kLogSectorBytes, kLogSectorBytes));
  TRY(data.PutBytes(0, sector));
  TRY(data.Put<Le32>(Data::kSignature.offset, kDataSectorSignature));
  TRY(data.Put<Le32>(Data::kSequenceHigh.offset,
                     static_cast<uint32_t>(sequence >> 32)));
  TRY(data.Put<Le32>(Data::kSequenceLow.offset,
                     static_cast<uint32_t>(sequence)));
  Seal(entry_);
  return file_->WriteAt(log_offset_ + place, entry_.view());
}

}  // namespace instar::vhdx
