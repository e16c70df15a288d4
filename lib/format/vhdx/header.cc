#include "lib/format/vhdx/header.h"

#include "lib/format/vhdx/crc32c.h"

namespace instar::vhdx {
namespace {

using L = HeaderLayout;

bool IsValid(ByteView bytes) {
  const FixedView<L::kSize> raw = bytes.Fixed<L::kSize>(0).value();
  return raw.Get<L::kSignature>() == kHeaderSignature &&
         raw.Get<L::kVersion>() == kVersion && IsSealed(bytes);
}

Header Parse(ByteView bytes) {
  const FixedView<L::kSize> raw = bytes.Fixed<L::kSize>(0).value();
  return {
      .sequence_number = raw.Get<L::kSequenceNumber>(),
      .log_guid = {.low = raw.Get<L::kLogGuidLow>(),
                   .high = raw.Get<L::kLogGuidHigh>()},
      .log_version = raw.Get<L::kLogVersion>(),
      .log_length = raw.Get<L::kLogLength>(),
      .log_offset = raw.Get<L::kLogOffset>(),
  };
}

// Copies with the same sequence number count only if they are the same: so
// does Disk2vhd write them.
Result<Header> ChooseHeader(ByteView first, ByteView second) {
  const bool first_valid = IsValid(first);
  const bool second_valid = IsValid(second);
  const Header one = Parse(first);
  Header two = Parse(second);
  two.copy = 1;
  if (first_valid && second_valid) {
    if (one.sequence_number != two.sequence_number) {
      return one.sequence_number > two.sequence_number ? one : two;
    }
    if (first.Equals(second)) {
      return one;
    }
  } else if (first_valid) {
    return one;
  } else if (second_valid) {
    return two;
  }
  return Error{.fault = Fault::kVhdxNoHeader};
}

Status CheckLogFields(const Header& header) {
  if (header.log_offset < kMib || header.log_offset % kLogAlignment != 0) {
    return Error{.fault = Fault::kVhdxLogPlace, .value = header.log_offset};
  }
  if (header.log_version != 0) {
    return Error{.fault = Fault::kVhdxLogVersion, .value = header.log_version};
  }
  // The length of a log that holds nothing is not looked at.
  if (!header.log_guid.IsZero() && header.log_length % kLogAlignment != 0) {
    return Error{.fault = Fault::kVhdxLogLength, .value = header.log_length};
  }
  return {};
}

}  // namespace

Result<Header> ReadHeader(File& file, Arena& arena) {
  uint8_t identifier[8] = {};
  TRY(file.ReadAt(0, MutableBytes(identifier, sizeof identifier)));
  const uint64_t signature =
      TRY(ByteView(identifier, sizeof identifier)
              .At<Le64>(FileIdentifierLayout::kSignature.offset));
  if (signature != kFileSignature) {
    return Error{.fault = Fault::kVhdxSignature, .value = signature};
  }
  const uint64_t mark = arena.Mark();
  const MutableBytes first = TRY(arena.Allocate(L::kSize));
  const MutableBytes second = TRY(arena.Allocate(L::kSize));
  TRY(file.ReadAt(kHeaderOffsets[0], first));
  TRY(file.ReadAt(kHeaderOffsets[1], second));
  const Header header = TRY(ChooseHeader(first.view(), second.view()));
  TRY(CheckLogFields(header));
  arena.Rewind(mark);
  return header;
}

}  // namespace instar::vhdx
