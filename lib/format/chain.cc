#include "lib/format/chain.h"

#include "lib/base/checked.h"

namespace instar {

#include "gen/readers.inc"

namespace {

constexpr uint64_t kProbeBytes = 512;

// A layer's own answer, completed by what its backing file's absence or end
// implies.
Result<Extent> LocateIn(Image& layer, uint64_t offset, uint64_t length,
                        bool exact) {
  Extent extent = TRY(layer.Locate(offset, length, exact));
  if (extent.length == 0 ||
      (extent.flags & (kExtentAllocated | kExtentZero)) != 0) {
    return extent;
  }
  const Image* backing = layer.backing();
  if (backing == nullptr || (exact && offset >= backing->virtual_size())) {
    extent.flags |= kExtentZero;
  }
  return extent;
}

}  // namespace

const Reader* FindReader(ByteView name) {
  for (const Reader* reader : kReaders) {
    if (reader->name.Equals(name)) {
      return reader;
    }
  }
  return nullptr;
}

const Reader& Probe(ByteView head, ByteView filename) {
  const Reader* surest = kReaders[0];
  int highest = 0;
  for (const Reader* reader : kReaders) {
    const int score = reader->probe(head, filename);
    if (score > highest) {
      highest = score;
      surest = reader;
    }
  }
  return *surest;
}

namespace {

Error Named(Fault fault, ByteView name) {
  return {.fault = fault,
          .text = name.data(),
          .text_bytes = static_cast<uint32_t>(name.size())};
}

// The signature of a boot record, which a GPT is behind as well.
bool HasPartitionTable(ByteView head) {
  const auto signature = head.At<Be16>(510);
  return signature.ok() && signature.value() == 0x55aa;
}

// The reader of `format`, or of what `head` shows where it is empty.
Result<const Reader*> ChooseReader(ByteView head, ByteView format,
                                   ByteView filename) {
  if (format.empty()) {
    return &Probe(head, filename);
  }
  const Reader* reader = FindReader(format);
  if (reader == nullptr) {
    return Named(Fault::kUnknownDriver, format);
  }
  return reader;
}

}  // namespace

Result<Image*> OpenImage(Arena& arena, File& file, ByteView format,
                         ByteView filename, Opener& opener,
                         const OpenOptions& options) {
  uint8_t head[kProbeBytes] = {};
  if (FindReader(format) == nullptr) {
    TRY(file.ReadAt(0, MutableBytes(head, sizeof head)));
  }
  const Reader* reader =
      TRY(ChooseReader(ByteView(head, sizeof head), format, filename));
  const OpenRules rules = opener.rules();
  if (rules.raw_needs_table && format.empty() &&
      reader->name.Equals(ByteView::Of("raw")) &&
      !HasPartitionTable(ByteView(head, sizeof head))) {
    return Error{.fault = Fault::kPolicyRawProbed};
  }
  Image* image = TRY(reader->open(arena, file, opener, options));
  if (image->virtual_size() > rules.max_virtual_bytes) {
    return Error{.fault = Fault::kPolicySize, .value = image->virtual_size()};
  }
  return image;
}

Result<Image*> OpenChain(Arena& arena, File& file, ByteView format,
                         ByteView filename, Opener& opener,
                         const OpenOptions& options, ChainFailure& failure) {
  failure = {.file = &file, .depth = 0};
  Image* top = TRY(OpenImage(arena, file, format, filename, opener, options));
  Image* lowest = top;
  for (uint32_t depth = 1; lowest->facts().has_backing_file; ++depth) {
    if (depth > kMaxChainDepth) {
      return Error{.fault = Fault::kChainTooDeep};
    }
    const ImageFacts& facts = lowest->facts();
    File* below = TRY(opener.Open(lowest->file(), ReferenceRole::kBacking,
                                  facts.backing_file, facts.backing_format));
    failure = {.file = below, .depth = depth};
    Image* backing = TRY(OpenImage(arena, *below, facts.backing_format,
                                   facts.backing_file, opener, options));
    lowest->set_backing(backing);
    lowest = backing;
  }
  return top;
}

Result<Extent> LocateAbove(Image* top, const Image* base, uint64_t offset,
                           uint64_t length, bool exact, Image** owner) {
  Image* decider = top;
  if (top == base) {
    return Extent{.length = length};
  }
  Extent extent = TRY(LocateIn(*top, offset, length, exact));
  const bool at_end = (extent.flags & kExtentEof) != 0;
  const uint64_t end = offset + extent.length;
  Image* layer = top->backing();
  for (uint32_t depth = 0; depth < kMaxChainDepth; ++depth) {
    if (extent.length == 0 || (extent.flags & kExtentAllocated) != 0 ||
        layer == nullptr || layer == base) {
      break;
    }
    const uint64_t room = extent.length;
    decider = layer;
    extent = TRY(LocateIn(*layer, offset, room, exact));
    if (extent.length == 0) {
      // The layer above left these bytes to one that is shorter.
      extent = {.length = room, .flags = kExtentZero | kExtentAllocated};
    }
    layer = layer->backing();
  }
  extent.flags &= ~uint32_t{kExtentEof};
  if (at_end && offset + extent.length == end) {
    extent.flags |= kExtentEof;
  }
  if (owner != nullptr) {
    *owner = decider;
  }
  return extent;
}

Result<LayerExtent> LocateByLayer(Image* top, uint64_t offset,
                                  uint64_t length) {
  Image* layer = top;
  LayerExtent found;
  for (uint32_t depth = 0; depth <= kMaxChainDepth; ++depth) {
    found.depth = depth;
    found.extent = TRY(LocateIn(*layer, offset, length, true));
    length = found.extent.length;
    if (length == 0 ||
        (found.extent.flags & (kExtentData | kExtentZero)) != 0 ||
        layer->backing() == nullptr) {
      break;
    }
    layer = layer->backing();
  }
  return found;
}

}  // namespace instar
