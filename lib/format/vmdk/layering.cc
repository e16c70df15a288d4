// VMDK images as layers of a chain: the descriptor inside a sparse file names
// another parent.
#include "lib/format/layering.h"

#include "lib/base/checked.h"
#include "lib/base/errno.h"
#include "lib/format/block_cache.h"
#include "lib/format/vmdk/descriptor.h"
#include "lib/format/vmdk/descriptor_text.h"
#include "lib/format/vmdk/layout.h"

namespace instar::vmdk {
namespace {

constexpr uint8_t kName[] = {'v', 'm', 'd', 'k'};

Error Failed(int32_t error) {
  return {.fault = Fault::kErrno, .error = error};
}

// What the text is made of.
struct Head {
  uint64_t room = 0;  // of the text and a zero byte, in bytes
  ByteView text;
};

// Of an image that is one sparse file with the text where qemu-img looks for
// it; others have several files to change.
Result<Head> ReadHead(Arena& arena, File& file) {
  using L = SparseLayout;
  BlockCache cache = TRY(BlockCache::Create(arena, file, 1));
  const uint32_t magic = TRY(cache.At<Be32>(L::kMagic.offset));
  const uint64_t capacity = TRY(cache.At<Le64>(L::kCapacity.offset));
  const uint64_t offset = TRY(cache.At<Le64>(L::kDescriptorOffset.offset));
  const uint64_t sectors = TRY(cache.At<Le64>(L::kDescriptorSize.offset));
  if (magic != kSparseMagic || capacity == 0 || sectors == 0 ||
      offset != kEmbeddedDescriptorOffset / kSectorBytes) {
    return Failed(kEopnotsupp);
  }
  Head head;
  constexpr uint64_t kMaxSectors = kEmbeddedDescriptorBytes / kSectorBytes;
  head.room = Min(sectors, kMaxSectors) * kSectorBytes;
  head.text = TRY(ReadText(cache, arena, kEmbeddedDescriptorOffset, head.room));
  const QuotedValue type = FindQuoted(head.text, ByteView::Of("createType"));
  if (!type.complete || !type.value.Equals(ByteView::Of("monolithicSparse"))) {
    return Failed(kEopnotsupp);
  }
  return head;
}

// The line at the front of `text`, with its end.
ByteView LineOf(ByteView text) {
  uint64_t size = 0;
  while (size < text.size() && text.At<U8>(size).value() != '\n') {
    ++size;
  }
  return text.Prefix(size + 1);
}

Status AddHint(ByteView name, TextWriter& out) {
  if (name.empty()) {
    return {};
  }
  TRY(out.Add(ByteView::Of("parentFileNameHint=\"")));
  TRY(out.Add(name));
  return out.Add(ByteView::Of("\"\n"));
}

Status AddLines(ByteView text, const BackingLink& link, TextWriter& out) {
  uint64_t at = 0;
  while (at < text.size()) {
    const ByteView line = LineOf(TRY(text.Slice(at, text.size() - at)));
    at += line.size();
    if (line.StartsWith(ByteView::Of("parentFileNameHint"))) {
      continue;
    }
    if (line.StartsWith(ByteView::Of("parentCID"))) {
      TRY(out.Add(ByteView::Of("parentCID=")));
      TRY(out.AddHexadecimal(link.parent_id));
      TRY(out.Add(ByteView::Of("\n")));
      continue;
    }
    TRY(out.Add(line));
    if (line.StartsWith(ByteView::Of("createType"))) {
      TRY(AddHint(link.name, out));
    }
  }
  return {};
}

bool CanBeQuoted(ByteView name) {
  bool can = name.size() <= kMaxParentNameBytes;
  for (uint64_t i = 0; i < name.size(); ++i) {
    const uint8_t byte = name.At<U8>(i).value();
    can = can && byte != '"' && byte != '\n' && byte != '\r';
  }
  return can;
}

// The text is no strict grammar: whether whoever reads it finds what was meant.
Status CheckText(ByteView old, ByteView text, const BackingLink& link) {
  const ByteView key = ByteView::Of("CID");
  const uint32_t old_id = TRY(FindHexadecimal(old, key));
  const uint32_t id = TRY(FindHexadecimal(text, key));
  const uint32_t parent_id =
      TRY(FindHexadecimal(text, ByteView::Of("parentCID")));
  const QuotedValue hint = FindQuoted(text, ByteView::Of("parentFileNameHint"));
  const bool is_named = link.name.empty()
                            ? !hint.has_key
                            : hint.complete && hint.value.Equals(link.name);
  return id == old_id && parent_id == link.parent_id && is_named
             ? Status()
             : Status(Failed(kEinval));
}

Status Check(Arena& arena, File& file) {
  TRY(ReadHead(arena, file));
  return {};
}

// The sectors of the text are written at once.
Status Link(Arena& arena, File& file, const BackingLink& link) {
  const Head head = TRY(ReadHead(arena, file));
  if (!CanBeQuoted(link.name)) {
    return Failed(kEinval);
  }
  const MutableBytes bytes = TRY(arena.AllocateZeroed(head.room));
  TextWriter out(bytes.Prefix(head.room - 1));
  const Status added = AddLines(head.text, link, out);
  if (!added.ok()) {
    return added.error().fault == Fault::kOutOfBounds ? Failed(kEnospc)
                                                      : added.error();
  }
  TRY(CheckText(head.text, out.text(), link));
  TRY(file.Flush());
  TRY(file.WriteAt(kEmbeddedDescriptorOffset, bytes.view()));
  return file.Flush();
}

}  // namespace

extern const Layering kLayering;
constinit const Layering kLayering = {.name = ByteView{kName, sizeof kName},
                                      .check = &Check,
                                      .link = &Link,
                                      .make_empty = nullptr};

}  // namespace instar::vmdk
