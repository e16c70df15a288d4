#include "lib/format/qcow2/header_rewrite.h"

#include "lib/base/checked.h"
#include "lib/base/errno.h"
#include "lib/format/qcow2/create_header.h"
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

Status Put32(MutableBytes out, uint64_t offset, uint64_t value) {
  const uint32_t narrow = TRY(Narrow<uint32_t>(value));
  return out.Put<Be32>(offset, narrow);
}

}  // namespace

Status HeaderRewrite::Init(Arena& arena, File& file, const Header& header) {
  file_ = &file;
  old_header_ = header;
  old_ = TRY(arena.Allocate(header.cluster_size()));
  new_ = TRY(arena.Allocate(header.cluster_size()));
  return file.ReadAt(0, old_);
}

ByteView HeaderRewrite::old_backing_file() const {
  if (old_header_.backing_file_offset == 0) {
    return {};
  }
  const auto stored = old_.view().Slice(old_header_.backing_file_offset,
                                        old_header_.backing_file_bytes);
  return stored.ok() ? UpToZero(stored.value()) : ByteView();
}

Status HeaderRewrite::Write(Header& header, const Extensions& extensions,
                            ByteView backing_file) {
  new_.Fill(0);
  if (!Build(header, extensions, backing_file).ok()) {
    return Error{.fault = Fault::kErrno, .error = kEnospc};
  }
  return file_->WriteAt(0, new_.view());
}

Status HeaderRewrite::Build(Header& header, const Extensions& extensions,
                            ByteView backing_file) {
  using L = HeaderLayout;
  header.header_length = header.version < 3
                             ? L::kSizeV2
                             : Max(L::kSize, old_header_.header_length);
  TRY(PutFields(header));
  uint64_t at = header.header_length;
  TRY(PutExtensions(header, extensions, at));
  header.backing_file_offset = backing_file.empty() ? 0 : at;
  header.backing_file_bytes = backing_file.size();
  const uint32_t length = TRY(Narrow<uint32_t>(backing_file.size()));
  TRY(new_.Put<Be64>(L::kBackingFileOffset.offset, header.backing_file_offset));
  TRY(new_.Put<Be32>(L::kBackingFileSize.offset, length));
  return new_.PutBytes(at, backing_file);
}

Status HeaderRewrite::PutFields(const Header& header) {
  using L = HeaderLayout;
  TRY(new_.PutBytes(0, old_.view().Prefix(L::kVersion.offset)));
  TRY(new_.Put<Be32>(L::kVersion.offset, header.version));
  TRY(Put32(new_, L::kClusterBits.offset, header.cluster_bits));
  TRY(new_.Put<Be64>(L::kVirtualSize.offset, header.virtual_size()));
  TRY(new_.Put<Be32>(L::kCryptMethod.offset, header.crypt_method));
  TRY(Put32(new_, L::kL1Size.offset, header.num_l1_entries));
  TRY(new_.Put<Be64>(L::kL1TableOffset.offset, header.l1_offset));
  TRY(new_.Put<Be64>(L::kRefcountTableOffset.offset,
                     header.refcount_table_offset));
  TRY(Put32(new_, L::kRefcountTableClusters.offset,
            header.refcount_table_clusters));
  TRY(Put32(new_, L::kNumSnapshots.offset, header.num_snapshots));
  TRY(new_.Put<Be64>(L::kSnapshotsOffset.offset, header.snapshots_offset));
  return header.version < 3 ? Status() : PutLaterFields(header);
}

// Those of version 3, and behind them the ones that nobody knows, as they are.
Status HeaderRewrite::PutLaterFields(const Header& header) {
  using L = HeaderLayout;
  TRY(new_.Put<Be64>(L::kIncompatibleFeatures.offset, header.incompatible));
  TRY(new_.Put<Be64>(L::kCompatibleFeatures.offset, header.compatible));
  TRY(new_.Put<Be64>(L::kAutoclearFeatures.offset, header.autoclear));
  TRY(Put32(new_, L::kRefcountOrder.offset, header.refcount_order));
  TRY(Put32(new_, L::kHeaderLength.offset, header.header_length));
  const uint8_t compression = TRY(Narrow<uint8_t>(header.compression_type));
  TRY(new_.Put<U8>(L::kCompressionType.offset, compression));
  if (old_header_.header_length <= L::kSize) {
    return {};
  }
  const ByteView unknown =
      TRY(old_.view().Slice(L::kSize, old_header_.header_length - L::kSize));
  return new_.PutBytes(L::kSize, unknown);
}

Status HeaderRewrite::PutExtensions(const Header& header,
                                    const Extensions& extensions,
                                    uint64_t& at) {
  if (!extensions.backing_format.empty()) {
    TRY(PutExtension(new_, at, kExtensionBackingFormat,
                     extensions.backing_format));
  }
  if (!extensions.data_file_name.empty()) {
    TRY(PutExtension(new_, at, kExtensionDataFile, extensions.data_file_name));
  }
  TRY(CopyEncryption(at));
  if (HasFeatureNames(header.version, header.cluster_size())) {
    TRY(PutFeatureNames(new_, at));
  }
  if (extensions.num_bitmaps != 0) {
    using L = BitmapsExtensionLayout;
    uint8_t record[L::kSize] = {};
    const MutableBytes bytes(record, sizeof record);
    const uint32_t count = TRY(Narrow<uint32_t>(extensions.num_bitmaps));
    TRY(bytes.Put<Be32>(L::kNumBitmaps.offset, count));
    TRY(bytes.Put<Be64>(L::kDirectorySize.offset,
                        extensions.bitmap_directory_bytes));
    TRY(bytes.Put<Be64>(L::kDirectoryOffset.offset,
                        extensions.bitmap_directory_offset));
    TRY(PutExtension(new_, at, kExtensionBitmaps, bytes.view()));
  }
  TRY(PutUnknown(at));
  return PutExtension(new_, at, kExtensionEnd, ByteView());
}

Status HeaderRewrite::CopyEncryption(uint64_t& at) {
  const uint64_t end = old_header_.extensions_end();
  ByteView data;
  // Each round moves on by 8 bytes or more. The last one of a kind counts.
  for (uint64_t next = old_header_.header_length; next < end;) {
    const Extension extension = ExtensionAt(old_.view(), next, end);
    if (extension.type == kExtensionEnd) {
      break;
    }
    if (extension.type == kExtensionEncryption) {
      data = extension.data;
    }
    next = extension.next;
  }
  return data.empty() ? Status()
                      : PutExtension(new_, at, kExtensionEncryption, data);
}

// qemu-img keeps them in a list to whose front it adds: they change places.
Status HeaderRewrite::PutUnknown(uint64_t& at) {
  const uint64_t end = old_header_.extensions_end();
  uint64_t total = 0;
  for (uint64_t next = old_header_.header_length; next < end;) {
    const Extension extension = ExtensionAt(old_.view(), next, end);
    if (extension.type == kExtensionEnd) {
      break;
    }
    total += IsKnown(extension.type) ? 0 : LengthOf(extension);
    next = extension.next;
  }
  uint64_t left = total;
  for (uint64_t next = old_header_.header_length; next < end && left != 0;) {
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
