// QED images as layers of a chain: the header names another backing file, or a
// larger disk.
#include "lib/format/layering.h"

#include "lib/base/checked.h"
#include "lib/base/errno.h"
#include "lib/format/qed/header.h"

namespace instar::qed {
namespace {

constexpr uint8_t kName[] = {'q', 'e', 'd'};

Status CheckHeader(const Header& header) {
  if ((header.features & kNeedCheck) != 0) {
    return Error{.fault = Fault::kNeedsRepair};
  }
  return {};
}

Result<Header> Read(Arena& arena, File& file) {
  BlockCache cache = TRY(BlockCache::Create(arena, file, 1));
  return ReadHeader(cache, file);
}

Status Check(Arena& arena, File& file) {
  const Header header = TRY(Read(arena, file));
  return CheckHeader(header);
}

// The name lies behind the fields, in the clusters of the header.
Status Link(Arena& arena, File& file, const BackingLink& link) {
  using L = HeaderLayout;
  const Header header = TRY(Read(arena, file));
  TRY(CheckHeader(header));
  const uint64_t bytes = L::kSize + link.name.size();
  if (link.name.size() > kMaxBackingNameBytes ||
      bytes > header.header_clusters * header.cluster_size) {
    return Error{.fault = Fault::kErrno, .error = kEnospc};
  }
  const MutableBytes head = TRY(arena.Allocate(bytes));
  TRY(file.ReadAt(0, head));
  uint64_t features =
      header.features & ~uint64_t{kBackingFile | kBackingFormatNoProbe};
  if (!link.name.empty()) {
    features |= kBackingFile;
  }
  if (link.format.Equals(ByteView::Of("raw"))) {
    features |= kBackingFormatNoProbe;
  }
  const uint32_t length = TRY(Narrow<uint32_t>(link.name.size()));
  TRY(head.Put<Le64>(L::kFeatures.offset, features));
  // Whoever writes takes back the promises of features that he does not know.
  TRY(head.Put<Le64>(L::kAutoclearFeatures.offset, 0));
  TRY(head.Put<Le32>(L::kBackingFileOffset.offset,
                     length == 0 ? 0 : static_cast<uint32_t>(L::kSize)));
  TRY(head.Put<Le32>(L::kBackingFileSize.offset, length));
  TRY(head.PutBytes(L::kSize, link.name));
  TRY(file.Flush());
  TRY(file.WriteAt(0, head.view()));
  return file.Flush();
}

}  // namespace

extern const Layering kLayering;
constinit const Layering kLayering = {.name = ByteView{kName, sizeof kName},
                                      .check = &Check,
                                      .link = &Link,
                                      .make_empty = nullptr};

}  // namespace instar::qed
