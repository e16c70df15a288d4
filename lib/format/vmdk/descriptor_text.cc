#include "lib/format/vmdk/descriptor_text.h"

#include "lib/base/checked.h"
#include "lib/format/vmdk/descriptor.h"
#include "lib/format/vmdk/layout.h"

namespace instar::vmdk {
namespace {

// Where `wanted` begins first from `start` on; the text's size: nowhere.
uint64_t Find(ByteView text, uint64_t start, ByteView wanted) {
  for (uint64_t at = start; at < text.size(); ++at) {
    const auto piece = text.Slice(at, wanted.size());
    if (piece.ok() && piece.value().Equals(wanted)) {
      return at;
    }
  }
  return text.size();
}

}  // namespace

Status TextWriter::Add(ByteView bytes) {
  TRY(room_.PutBytes(size_, bytes));
  size_ += bytes.size();
  return {};
}

Status TextWriter::AddNumber(uint64_t number, uint64_t base,
                             uint64_t min_digits) {
  constexpr uint64_t kMaxDigits = 20;
  uint8_t digits[kMaxDigits];
  uint64_t first = kMaxDigits;
  while (number != 0 || kMaxDigits - first < min_digits) {
    const uint64_t digit = number % base;
    digits[--first] =
        static_cast<uint8_t>(digit < 10 ? '0' + digit : 'a' + digit - 10);
    number /= base;
  }
  const ByteView all(digits, kMaxDigits);
  const ByteView shown = TRY(all.Slice(first, kMaxDigits - first));
  return Add(shown);
}

Status ReplaceContentId(Arena& arena, File& file, uint64_t offset,
                        uint32_t content_id) {
  const bool embedded = offset != 0;
  const uint64_t limit = embedded ? kEmbeddedDescriptorBytes
                                  : Min(file.size(), kMaxDescriptorBytes);
  const uint64_t mark = arena.Mark();
  const MutableBytes old = TRY(arena.AllocateZeroed(limit));
  TRY(file.ReadAt(offset, old));
  const ByteView text =
      old.Prefix(Find(old.view(), 0, ByteView::Of("\0"))).view();
  const ByteView key = ByteView::Of("CID=");
  const uint64_t at = Find(text, 0, key) + key.size();
  if (at > text.size()) {
    return Error{.fault = Fault::kVmdkDescriptor};
  }
  const uint64_t line_end = Find(text, at, ByteView::Of("\n"));
  constexpr uint64_t kMaxIdBytes = 8;
  const uint64_t room = TRY(CheckedAlignUp(limit + kMaxIdBytes, kSectorBytes));
  const MutableBytes bytes = TRY(arena.AllocateZeroed(room));
  TextWriter out(bytes);
  TRY(out.Add(text.Prefix(at)));
  TRY(out.AddHexadecimal(content_id));
  const ByteView rest = TRY(text.Slice(line_end, text.size() - line_end));
  TRY(out.Add(rest));
  uint64_t length = kEmbeddedDescriptorBytes;
  if (!embedded) {
    length = TRY(CheckedAlignUp(Max(out.text().size(), limit), kSectorBytes));
  } else if (out.text().size() > length) {
    return Error{.fault = Fault::kVmdkDescriptorTooLarge, .value = length};
  }
  TRY(file.WriteAt(offset, bytes.Prefix(length).view()));
  arena.Rewind(mark);
  return {};
}

}  // namespace instar::vmdk
