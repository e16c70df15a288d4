#include "lib/format/vmdk/descriptor_growth.h"

#include "lib/base/checked.h"
#include "lib/format/vmdk/descriptor_text.h"
#include "lib/format/vmdk/layout.h"

namespace instar::vmdk {
namespace {

// Digits that two numbers may get more.
constexpr uint64_t kMoreBytes = 40;

// A number in the text: its digits are [from, to). Empty: there is none.
struct Digits {
  uint64_t from = 0;
  uint64_t to = 0;
  uint64_t value = 0;
};

bool IsDigit(ByteView text, uint64_t at) {
  const auto byte = text.At<U8>(at);
  return byte.ok() && byte.value() >= '0' && byte.value() <= '9';
}

Digits DigitsAt(ByteView text, uint64_t at) {
  // More would not fit a number.
  constexpr uint64_t kMaxDigits = 19;
  Digits out = {.from = at, .to = at};
  while (out.to - at < kMaxDigits && IsDigit(text, out.to)) {
    const uint64_t digit = text.At<U8>(out.to).value();
    out.value = out.value * 10 + (digit - '0');
    ++out.to;
  }
  return out;
}

bool StandsAt(ByteView text, uint64_t at, ByteView wanted) {
  const auto piece = text.Slice(at, wanted.size());
  return piece.ok() && piece.value().Equals(wanted);
}

// Of the last extent's line.
Digits ExtentSectors(ByteView text) {
  const ByteView key = ByteView::Of("\nRW ");
  Digits last;
  for (uint64_t at = 0; at < text.size(); ++at) {
    if (StandsAt(text, at, key)) {
      last = DigitsAt(text, at + key.size());
    }
  }
  return last;
}

// Of `key`, up to the quote before the value.
Digits DatabaseValue(ByteView text, ByteView key) {
  for (uint64_t at = 0; at < text.size(); ++at) {
    if (StandsAt(text, at, key)) {
      return DigitsAt(text, at + key.size());
    }
  }
  return {};
}

// How many cylinders a disk of `bytes` has; 0: the text does not tell.
uint64_t CylindersOf(ByteView text, uint64_t bytes) {
  const uint64_t heads =
      DatabaseValue(text, ByteView::Of("ddb.geometry.heads = \"")).value;
  const uint64_t sectors =
      DatabaseValue(text, ByteView::Of("ddb.geometry.sectors = \"")).value;
  const auto track = CheckedMul(heads, sectors);
  const auto cylinder = track.ok() ? CheckedMul(track.value(), kSectorBytes)
                                   : Result<uint64_t>(uint64_t{0});
  return cylinder.ok() && cylinder.value() != 0 ? bytes / cylinder.value() : 0;
}

// `text` with another number there.
Status Replace(ByteView text, const Digits& old, uint64_t number,
               TextWriter& out) {
  const ByteView rest = TRY(text.Slice(old.to, text.size() - old.to));
  TRY(out.Add(text.Prefix(old.from)));
  TRY(out.AddDecimal(number));
  return out.Add(rest);
}

// Up to the first zero byte.
ByteView TextOf(ByteView bytes) {
  uint64_t size = 0;
  while (size < bytes.size() && bytes.At<U8>(size).value() != 0) {
    ++size;
  }
  return bytes.Prefix(size);
}

}  // namespace

Status DescriptorGrowth::Prepare(uint64_t extent_sectors, uint64_t disk_bytes) {
  const bool is_embedded = offset_ != 0;
  const uint64_t limit = is_embedded ? kEmbeddedDescriptorBytes
                                     : Min(file_->size(), kMaxDescriptorBytes);
  const MutableBytes old = TRY(arena_->AllocateZeroed(limit));
  TRY(file_->ReadAt(offset_, old));
  const ByteView text = TextOf(old.view());
  const Digits sectors = ExtentSectors(text);
  if (sectors.from == sectors.to) {
    return Error{.fault = Fault::kVmdkDescriptor};
  }
  const uint64_t room = text.size() + kMoreBytes;
  TextWriter first(TRY(arena_->Allocate(room)));
  TRY(Replace(text, sectors, extent_sectors, first));
  const ByteView half = first.text();
  const Digits cylinders =
      DatabaseValue(half, ByteView::Of("ddb.geometry.cylinders = \""));
  const uint64_t count = CylindersOf(half, disk_bytes);
  const MutableBytes bytes = TRY(arena_->AllocateZeroed(room));
  TextWriter second(bytes);
  if (count != 0 && cylinders.from != cylinders.to) {
    TRY(Replace(half, cylinders, count, second));
  } else {
    TRY(second.Add(half));
  }
  const uint64_t length = Max(second.text().size(), text.size());
  if (is_embedded && length > kEmbeddedDescriptorBytes) {
    return Error{.fault = Fault::kVmdkDescriptorTooLarge, .value = length};
  }
  text_ = bytes.Prefix(length).view();
  return {};
}

Status DescriptorGrowth::Write() {
  TRY(file_->WriteAt(offset_, text_));
  return file_->Flush();
}

}  // namespace instar::vmdk
