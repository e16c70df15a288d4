#include "lib/format/qcow2/extensions.h"

#include "lib/base/checked.h"

namespace instar::qcow2 {
namespace {

constexpr uint64_t kMaxBackingFormatBytes = 15;

struct Record {
  uint32_t type = 0;
  uint64_t offset = 0;  // of its data
  uint64_t length = 0;  // of its data
};

Error Wrong(Fault fault, uint64_t value = 0, uint64_t value2 = 0) {
  return {.fault = fault, .value = value, .value2 = value2};
}

Status ReadCrypto(BlockCache& cache, const Header& header, const Record& record,
                  Extensions& extensions) {
  using L = EncryptionExtensionLayout;
  if (header.crypt_method != kCryptLuks) {
    return Wrong(Fault::kQcow2CryptoUnexpected);
  }
  if (record.length != L::kSize) {
    return Wrong(Fault::kQcow2CryptoLength, record.length);
  }
  uint8_t bytes[L::kSize];
  TRY(cache.Copy(record.offset, MutableBytes(bytes, sizeof bytes)));
  const FixedView<L::kSize> raw(bytes);
  extensions.crypto_offset = raw.Get<L::kOffset>();
  extensions.crypto_bytes = raw.Get<L::kLength>();
  if (extensions.crypto_offset % header.cluster_size() != 0) {
    return Wrong(Fault::kQcow2CryptoOffset, extensions.crypto_offset,
                 header.cluster_size());
  }
  extensions.has_crypto = true;
  return {};
}

Status ReadBitmaps(BlockCache& cache, const Header& header,
                   const Record& record, Extensions& extensions) {
  using L = BitmapsExtensionLayout;
  if (record.length != L::kSize) {
    return Wrong(Fault::kQcow2BitmapsLength);
  }
  if ((header.autoclear & kAutoclearBitmaps) == 0) {
    extensions.stale_bitmaps = true;
    return {};
  }
  uint8_t bytes[L::kSize];
  TRY(cache.Copy(record.offset, MutableBytes(bytes, sizeof bytes)));
  const FixedView<L::kSize> raw(bytes);
  if (raw.Get<L::kReserved>() != 0) {
    return Wrong(Fault::kQcow2BitmapsReserved);
  }
  const uint64_t count = raw.Get<L::kNumBitmaps>();
  if (count > kMaxBitmaps) {
    return Wrong(Fault::kQcow2BitmapsCount, count);
  }
  if (count == 0) {
    return Wrong(Fault::kQcow2BitmapsNone);
  }
  const uint64_t directory = raw.Get<L::kDirectoryOffset>();
  if (directory % header.cluster_size() != 0) {
    return Wrong(Fault::kQcow2BitmapsOffset);
  }
  const uint64_t directory_bytes = raw.Get<L::kDirectorySize>();
  if (directory_bytes > kMaxBitmapDirectoryBytes) {
    return Wrong(Fault::kQcow2BitmapsDirectorySize, directory_bytes);
  }
  extensions.num_bitmaps = count;
  extensions.bitmap_directory_offset = directory;
  extensions.bitmap_directory_bytes = directory_bytes;
  return {};
}

Status ReadRecord(BlockCache& cache, const Header& header, const Record& record,
                  Arena& arena, Extensions& extensions) {
  switch (record.type) {
    case kExtensionBackingFormat:
      if (record.length > kMaxBackingFormatBytes) {
        return Wrong(Fault::kQcow2BackingFormatTooLong, record.length);
      }
      extensions.backing_format =
          TRY(ReadText(cache, arena, record.offset, record.length));
      return {};
    case kExtensionFeatureNames:
      extensions.feature_names_offset = record.offset;
      extensions.feature_names_bytes = record.length;
      return {};
    case kExtensionEncryption:
      return ReadCrypto(cache, header, record, extensions);
    case kExtensionBitmaps:
      return ReadBitmaps(cache, header, record, extensions);
    case kExtensionDataFile:
      extensions.data_file_name =
          TRY(ReadText(cache, arena, record.offset, record.length));
      extensions.has_data_file_name = true;
      return {};
    default:
      return {};  // somebody else's
  }
}

}  // namespace

Status ReadExtensions(BlockCache& cache, const Header& header, Arena& arena,
                      Extensions& extensions) {
  using L = ExtensionLayout;
  const uint64_t end = header.extensions_end();
  uint64_t at = header.header_length;
  // Each round moves on by 8 bytes or more, within one cluster.
  while (at < end) {
    uint8_t bytes[L::kSize];
    TRY(cache.Copy(at, MutableBytes(bytes, sizeof bytes)));
    const FixedView<L::kSize> raw(bytes);
    const Record record = {.type = raw.Get<L::kType>(),
                           .offset = at + L::kSize,
                           .length = raw.Get<L::kLength>()};
    if (record.offset > end || record.length > end - record.offset) {
      return Wrong(Fault::kQcow2ExtensionTooLarge);
    }
    if (record.type == kExtensionEnd) {
      break;
    }
    TRY(ReadRecord(cache, header, record, arena, extensions));
    at = TRY(CheckedAlignUp(record.length, 8)) + record.offset;
  }
  return {};
}

Error UnknownFeatures(BlockCache& cache, const Header& header, uint64_t unknown,
                      Arena& arena) {
  using L = FeatureNameLayout;
  constexpr uint64_t kMaxTextBytes = 64 * (L::kNameBytes + 2);
  // Of the other records, wrong ones too, nothing matters here.
  Extensions extensions;
  static_cast<void>(ReadExtensions(cache, header, arena, extensions).ok());
  const MutableBytes text = TRY(arena.Allocate(kMaxTextBytes, 1));
  uint64_t text_bytes = 0;
  const uint64_t end = extensions.feature_names_bytes;
  for (uint64_t at = 0; at < end && unknown != 0; at += L::kSize) {
    // A last record that is cut short is filled up with zeroes.
    uint8_t bytes[L::kSize] = {};
    const MutableBytes entry(bytes, Min(L::kSize, end - at));
    TRY(cache.Copy(extensions.feature_names_offset + at, entry));
    const FixedView<L::kSize> raw(bytes);
    const ByteView name = UpToZero(
        TRY(ByteView(bytes, L::kSize).Slice(L::kNameOffset, L::kNameBytes)));
    if (name.empty()) {
      break;
    }
    const uint64_t bit = uint64_t{1} << (raw.Get<L::kBit>() & 63);
    if (raw.Get<L::kType>() != kFeatureIncompatible || (unknown & bit) == 0) {
      continue;
    }
    if (text_bytes > 0) {
      TRY(text.PutBytes(text_bytes, ByteView::Of(", ")));
      text_bytes += 2;
    }
    TRY(text.PutBytes(text_bytes, name));
    text_bytes += name.size();
    unknown &= ~bit;
  }
  return {.fault = Fault::kQcow2UnknownFeatures,
          .value = unknown,
          .text = text.data(),
          .text_bytes = static_cast<uint32_t>(text_bytes)};
}

ByteView UpToZero(ByteView bytes) {
  uint64_t length = 0;
  while (length < bytes.size()) {
    const auto byte = bytes.At<U8>(length);
    if (!byte.ok() || byte.value() == 0) {
      break;
    }
    ++length;
  }
  return bytes.Prefix(length);
}

Result<ByteView> ReadText(BlockCache& cache, Arena& arena, uint64_t offset,
                          uint64_t length) {
  const MutableBytes text = TRY(arena.Allocate(length, 1));
  TRY(cache.Copy(offset, text));
  return UpToZero(text.view());
}

}  // namespace instar::qcow2
