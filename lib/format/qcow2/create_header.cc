#include "lib/format/qcow2/create_header.h"

#include <bit>

#include "lib/base/checked.h"
#include "lib/format/qcow2/layout.h"

namespace instar::qcow2 {
namespace {

// Smaller first clusters are spared the table of feature names.
constexpr uint64_t kMaxClusterWithoutNames = 4096;

struct FeatureName {
  uint8_t type;
  uint8_t bit;
  uint8_t length;
  char name[FeatureNameLayout::kNameBytes];
};

template <size_t N>
constexpr FeatureName Named(FeatureType type, uint8_t bit,
                            const char (&name)[N]) {
  static_assert(N - 1 <= FeatureNameLayout::kNameBytes);
  FeatureName feature = {type, bit, N - 1, {}};
  for (size_t i = 0; i < N - 1; ++i) {
    feature.name[i] = name[i];
  }
  return feature;
}

constexpr FeatureName kFeatureNames[] = {
    Named(kFeatureIncompatible, 0, "dirty bit"),
    Named(kFeatureIncompatible, 1, "corrupt bit"),
    Named(kFeatureIncompatible, 2, "external data file"),
    Named(kFeatureIncompatible, 3, "compression type"),
    Named(kFeatureIncompatible, 4, "extended L2 entries"),
    Named(kFeatureCompatible, 0, "lazy refcounts"),
    Named(kFeatureAutoclear, 0, "bitmaps"),
    Named(kFeatureAutoclear, 1, "raw external data"),
};
constexpr uint64_t kFeatureNamesBytes =
    sizeof kFeatureNames / sizeof kFeatureNames[0] * FeatureNameLayout::kSize;

bool NamesFeatures(const CreateOptions& options) {
  return HasFeatureNames(options.qcow2.version, options.qcow2.cluster_size);
}

uint64_t ExtensionBytes(uint64_t data_bytes) {
  return ExtensionLayout::kSize + ((data_bytes + 7) & ~uint64_t{7});
}

uint64_t BaseBytes(const CreateOptions& options) {
  return options.qcow2.version >= 3 ? HeaderLayout::kSize
                                    : HeaderLayout::kSizeV2;
}

Status PutExtensions(const CreateOptions& options, MutableBytes out) {
  uint64_t at = BaseBytes(options);
  if (!options.backing_format.empty()) {
    TRY(PutExtension(out, at, kExtensionBackingFormat, options.backing_format));
  }
  if (!options.qcow2.data_file.empty()) {
    TRY(PutExtension(out, at, kExtensionDataFile, options.qcow2.data_file));
  }
  if (NamesFeatures(options)) {
    TRY(PutFeatureNames(out, at));
  }
  TRY(PutExtension(out, at, kExtensionEnd, ByteView()));
  if (options.backing_file.empty()) {
    return {};
  }
  const uint32_t length = TRY(Narrow<uint32_t>(options.backing_file.size()));
  TRY(out.Put<Be64>(HeaderLayout::kBackingFileOffset.offset, at));
  TRY(out.Put<Be32>(HeaderLayout::kBackingFileSize.offset, length));
  return out.PutBytes(at, options.backing_file);
}

Status PutVersion3(const Qcow2CreateOptions& options, MutableBytes out) {
  using L = HeaderLayout;
  const bool has_data_file = !options.data_file.empty();
  const bool is_zlib = options.compression == Compression::kZlib;
  const uint64_t incompatible =
      (has_data_file ? uint64_t{kIncompatibleDataFile} : 0) |
      (is_zlib ? 0 : uint64_t{kIncompatibleCompression}) |
      (options.extended_l2 ? uint64_t{kIncompatibleExtendedL2} : 0);
  TRY(out.Put<Be64>(L::kIncompatibleFeatures.offset, incompatible));
  TRY(out.Put<Be64>(
      L::kCompatibleFeatures.offset,
      options.lazy_refcounts ? uint64_t{kCompatibleLazyRefcounts} : 0));
  TRY(out.Put<Be64>(
      L::kAutoclearFeatures.offset,
      options.data_file_raw ? uint64_t{kAutoclearRawDataFile} : 0));
  const int order = std::countr_zero(options.refcount_bits);
  TRY(out.Put<Be32>(L::kRefcountOrder.offset, static_cast<uint32_t>(order)));
  TRY(out.Put<Be32>(L::kHeaderLength.offset, uint32_t{L::kSize}));
  return out.Put<U8>(L::kCompressionType.offset,
                     static_cast<uint8_t>(options.compression));
}

}  // namespace

bool HasFeatureNames(uint32_t version, uint64_t cluster_size) {
  return version >= 3 && cluster_size > kMaxClusterWithoutNames;
}

Status PutExtension(MutableBytes out, uint64_t& at, uint32_t type,
                    ByteView data) {
  const uint32_t length = TRY(Narrow<uint32_t>(data.size()));
  TRY(out.Put<Be32>(at + ExtensionLayout::kType.offset, type));
  TRY(out.Put<Be32>(at + ExtensionLayout::kLength.offset, length));
  TRY(out.PutBytes(at + ExtensionLayout::kSize, data));
  at += ExtensionBytes(data.size());
  return {};
}

Status PutFeatureNames(MutableBytes out, uint64_t& at) {
  using L = FeatureNameLayout;
  uint8_t records[kFeatureNamesBytes] = {};
  const MutableBytes table(records, sizeof records);
  uint64_t record = 0;
  for (const FeatureName& feature : kFeatureNames) {
    TRY(table.Put<U8>(record + L::kType.offset, feature.type));
    TRY(table.Put<U8>(record + L::kBit.offset, feature.bit));
    for (uint64_t i = 0; i < feature.length; ++i) {
      TRY(table.Put<U8>(record + L::kNameOffset + i,
                        static_cast<uint8_t>(feature.name[i])));
    }
    record += L::kSize;
  }
  return PutExtension(out, at, kExtensionFeatureNames, table.view());
}

uint64_t ExtensionsEnd(const CreateOptions& options) {
  uint64_t end = BaseBytes(options) + ExtensionBytes(0);
  if (!options.backing_format.empty()) {
    end += ExtensionBytes(options.backing_format.size());
  }
  if (!options.qcow2.data_file.empty()) {
    end += ExtensionBytes(options.qcow2.data_file.size());
  }
  return end +
         (NamesFeatures(options) ? ExtensionBytes(kFeatureNamesBytes) : 0);
}

uint64_t HeaderEnd(const CreateOptions& options) {
  return ExtensionsEnd(options) + options.backing_file.size();
}

Status PutHeader(const CreateOptions& options, const HeaderTables& tables,
                 MutableBytes out) {
  using L = HeaderLayout;
  const int cluster_bits = std::countr_zero(options.qcow2.cluster_size);
  const uint32_t l1_entries = TRY(Narrow<uint32_t>(tables.l1_entries));
  const uint32_t table_clusters =
      TRY(Narrow<uint32_t>(tables.refcount_table_clusters));
  TRY(out.Put<Be32>(L::kMagic.offset, kMagic));
  TRY(out.Put<Be32>(L::kVersion.offset, options.qcow2.version));
  TRY(out.Put<Be32>(L::kClusterBits.offset,
                    static_cast<uint32_t>(cluster_bits)));
  TRY(out.Put<Be64>(L::kVirtualSize.offset, tables.size));
  TRY(out.Put<Be32>(L::kL1Size.offset, l1_entries));
  TRY(out.Put<Be64>(L::kL1TableOffset.offset, tables.l1_offset));
  TRY(out.Put<Be64>(L::kRefcountTableOffset.offset,
                    tables.refcount_table_offset));
  TRY(out.Put<Be32>(L::kRefcountTableClusters.offset, table_clusters));
  if (options.qcow2.version >= 3) {
    TRY(PutVersion3(options.qcow2, out));
  }
  return PutExtensions(options, out);
}

}  // namespace instar::qcow2
