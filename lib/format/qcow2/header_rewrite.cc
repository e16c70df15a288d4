#include "lib/format/qcow2/header_rewrite.h"

#include "lib/base/checked.h"
#include "lib/base/errno.h"
#include "lib/format/qcow2/create_header.h"
#include "lib/format/qcow2/extensions.h"
#include "lib/format/qcow2/layout.h"

namespace instar::qcow2 {
namespace {

struct Extension {
  uint32_t type = kExtensionEnd;
  ByteView data;
  uint64_t next = 0;  // where the one behind it begins
};

// The extension at `at`; the end where there is none that is whole.
Extension ExtensionAt(ByteView cluster, uint64_t at, uint64_t end) {
  using L = ExtensionLayout;
  if (at > end || end - at < L::kSize) {
    return {};
  }
  const auto record = cluster.Fixed<L::kSize>(at);
  if (!record.ok()) {
    return {};
  }
  const uint64_t length = record.value().Get<L::kLength>();
  const auto data = cluster.Slice(at + L::kSize, length);
  if (!data.ok()) {
    return {};
  }
  return {.type = record.value().Get<L::kType>(),
          .data = data.value(),
          .next = at + L::kSize + ((length + 7) & ~uint64_t{7})};
}

bool IsKnown(uint32_t type) {
  return type == kExtensionBackingFormat || type == kExtensionFeatureNames ||
         type == kExtensionBitmaps || type == kExtensionEncryption ||
         type == kExtensionDataFile;
}

uint64_t LengthOf(const Extension& extension) {
  return ExtensionLayout::kSize + ((extension.data.size() + 7) & ~uint64_t{7});
}

}  // namespace

Status HeaderRewrite::Init(Arena& arena, File& file, const Header& header) {
  file_ = &file;
  header_ = &header;
  old_ = TRY(arena.Allocate(header.cluster_size()));
  new_ = TRY(arena.Allocate(header.cluster_size()));
  return file.ReadAt(0, old_);
}

Status HeaderRewrite::Write(const HeaderChanges& changes) {
  new_.Fill(0);
  if (!Build(changes).ok()) {
    return Error{.fault = Fault::kErrno, .error = kEnospc};
  }
  return file_->WriteAt(0, new_.view());
}

Status HeaderRewrite::Build(const HeaderChanges& changes) {
  using L = HeaderLayout;
  TRY(PutFields(changes));
  uint64_t at =
      header_->version < 3 ? L::kSizeV2 : Max(L::kSize, header_->header_length);
  TRY(PutExtensions(changes, at));
  if (header_->backing_file_offset == 0) {
    return {};
  }
  const ByteView stored = TRY(old_.view().Slice(header_->backing_file_offset,
                                                header_->backing_file_bytes));
  const ByteView name = UpToZero(stored);
  const uint32_t length = TRY(Narrow<uint32_t>(name.size()));
  TRY(new_.Put<Be64>(L::kBackingFileOffset.offset, at));
  TRY(new_.Put<Be32>(L::kBackingFileSize.offset, length));
  return new_.PutBytes(at, name);
}

Status HeaderRewrite::PutFields(const HeaderChanges& changes) {
  using L = HeaderLayout;
  const bool is_old = header_->version < 3;
  // Fields up to the compression type; what follows it is padding, and behind
  // that fields that nobody knows are kept.
  constexpr uint64_t kKnownEnd = L::kCompressionType.offset + U8::kSize;
  const uint64_t length = is_old ? L::kSizeV2 : header_->header_length;
  TRY(new_.PutBytes(0, old_.view().Prefix(Min(length, kKnownEnd))));
  const uint32_t table_clusters =
      TRY(Narrow<uint32_t>(changes.refcount_table_clusters));
  TRY(new_.Put<Be64>(L::kVirtualSize.offset, header_->virtual_size()));
  TRY(new_.Put<Be64>(L::kBackingFileOffset.offset, 0));
  TRY(new_.Put<Be32>(L::kBackingFileSize.offset, 0));
  TRY(new_.Put<Be64>(L::kRefcountTableOffset.offset,
                     changes.refcount_table_offset));
  TRY(new_.Put<Be32>(L::kRefcountTableClusters.offset, table_clusters));
  if (is_old) {
    return {};
  }
  const uint32_t new_length = TRY(Narrow<uint32_t>(Max(L::kSize, length)));
  TRY(new_.Put<Be64>(L::kAutoclearFeatures.offset, changes.autoclear));
  TRY(new_.Put<Be32>(L::kHeaderLength.offset, new_length));
  if (length <= L::kSize) {
    return {};
  }
  const ByteView unknown = TRY(old_.view().Slice(L::kSize, length - L::kSize));
  return new_.PutBytes(L::kSize, unknown);
}

Status HeaderRewrite::PutExtensions(const HeaderChanges& changes,
                                    uint64_t& at) {
  TRY(CopyExtension(kExtensionBackingFormat, true, at));
  TRY(CopyExtension(kExtensionDataFile, true, at));
  TRY(CopyExtension(kExtensionEncryption, false, at));
  if (HasFeatureNames(header_->version, header_->cluster_size())) {
    TRY(PutFeatureNames(new_, at));
  }
  if (changes.num_bitmaps != 0) {
    using L = BitmapsExtensionLayout;
    uint8_t record[L::kSize] = {};
    const MutableBytes bytes(record, sizeof record);
    const uint32_t count = TRY(Narrow<uint32_t>(changes.num_bitmaps));
    TRY(bytes.Put<Be32>(L::kNumBitmaps.offset, count));
    TRY(bytes.Put<Be64>(L::kDirectorySize.offset,
                        changes.bitmap_directory_bytes));
    TRY(bytes.Put<Be64>(L::kDirectoryOffset.offset,
                        changes.bitmap_directory_offset));
    TRY(PutExtension(new_, at, kExtensionBitmaps, bytes.view()));
  }
  TRY(PutUnknown(at));
  return PutExtension(new_, at, kExtensionEnd, ByteView());
}

Status HeaderRewrite::CopyExtension(uint32_t type, bool is_text, uint64_t& at) {
  const uint64_t end = header_->extensions_end();
  ByteView data;
  // Each round moves on by 8 bytes or more. The last one of a kind counts.
  for (uint64_t next = header_->header_length; next < end;) {
    const Extension extension = ExtensionAt(old_.view(), next, end);
    if (extension.type == kExtensionEnd) {
      break;
    }
    if (extension.type == type) {
      data = is_text ? UpToZero(extension.data) : extension.data;
    }
    next = extension.next;
  }
  return data.empty() ? Status() : PutExtension(new_, at, type, data);
}

// qemu-img keeps them in a list to whose front it adds: they change places.
Status HeaderRewrite::PutUnknown(uint64_t& at) {
  const uint64_t end = header_->extensions_end();
  uint64_t total = 0;
  for (uint64_t next = header_->header_length; next < end;) {
    const Extension extension = ExtensionAt(old_.view(), next, end);
    if (extension.type == kExtensionEnd) {
      break;
    }
    total += IsKnown(extension.type) ? 0 : LengthOf(extension);
    next = extension.next;
  }
  uint64_t left = total;
  for (uint64_t next = header_->header_length; next < end && left != 0;) {
    const Extension extension = ExtensionAt(old_.view(), next, end);
    if (!IsKnown(extension.type)) {
      left -= LengthOf(extension);
      uint64_t place = at + left;
      TRY(PutExtension(new_, place, extension.type, extension.data));
    }
    next = extension.next;
  }
  at += total;
  return {};
}

}  // namespace instar::qcow2
