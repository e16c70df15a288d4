// Writing qcow2 images: what the format exports.
#include "lib/base/checked.h"
#include "lib/format/block_cache.h"
#include "lib/format/qcow2/create.h"
#include "lib/format/qcow2/extensions.h"
#include "lib/format/qcow2/header.h"
#include "lib/format/qcow2/qcow2_target.h"
#include "lib/format/target.h"

namespace instar::qcow2 {
namespace {

constexpr uint8_t kName[] = {'q', 'c', 'o', 'w', '2'};

Error Unsupported(ByteView what) {
  return {.fault = Fault::kUnsupported,
          .text = what.data(),
          .text_bytes = static_cast<uint32_t>(what.size())};
}

// What can be read but not written.
Status CheckWritable(const Header& header) {
  if ((header.incompatible & kIncompatibleCorrupt) != 0) {
    return Error{.fault = Fault::kQcow2ImageCorrupt};
  }
  if (header.crypt_method != kCryptNone) {
    return Error{.fault = Fault::kQcow2KeyRequired,
                 .value = header.crypt_method};
  }
  if ((header.incompatible & kIncompatibleDirty) != 0) {
    return Unsupported(ByteView::Of("writing an image that is marked dirty"));
  }
  if ((header.autoclear & kAutoclearBitmaps) != 0) {
    return Unsupported(ByteView::Of("writing an image with bitmaps"));
  }
  if (header.refcount_table_offset == 0) {
    return Error{.fault = Fault::kQcow2ReftableOffset};
  }
  return {};
}

// Whoever writes must take back the promises of features that he does not
// know.
Status ClearUnknownPromises(File& file, const Header& header) {
  constexpr uint64_t kKnown = kAutoclearBitmaps | kAutoclearRawDataFile;
  if (header.version < 3 || (header.autoclear & ~kKnown) == 0) {
    return {};
  }
  uint8_t field[8];
  const MutableBytes bytes(field, sizeof field);
  TRY(bytes.Put<Be64>(0, header.autoclear & kKnown));
  return file.WriteAt(HeaderLayout::kAutoclearFeatures.offset, bytes.view());
}

Result<Target*> OpenTarget(Arena& arena, const TargetFiles& files,
                           Image* backing, codec::MakeUnpacker make_unpacker) {
  File& file = *files.file;
  BlockCache cache = TRY(BlockCache::Create(arena, file, 1));
  const Header header = TRY(ReadHeader(cache, arena));
  Extensions extensions;
  TRY(ReadExtensions(cache, header, arena, extensions));
  TRY(CheckWritable(header));
  if (header.has_data_file() && files.data_file == nullptr) {
    return Error{.fault = Fault::kQcow2DataFileMissing};
  }
  TRY(ClearUnknownPromises(file, header));
  const Geometry geometry = {
      .version = header.version,
      .cluster_bits = header.cluster_bits,
      .refcount_order = header.refcount_order,
      .extended_l2 = header.has_extended_l2(),
      .external_data = header.has_data_file(),
      .external_data_raw = (header.autoclear & kAutoclearRawDataFile) != 0,
      .compression = header.compression_type == 0 ? Compression::kZlib
                                                  : Compression::kZstd,
      .virtual_size = header.virtual_size()};
  const TablePlaces places = {
      .l1_offset = header.l1_offset,
      .l1_entries = header.num_l1_entries,
      .refcount_table_offset = header.refcount_table_offset,
      .refcount_table_clusters = header.refcount_table_clusters};
  File& data = header.has_data_file() ? *files.data_file : file;
  Qcow2Target* target = TRY(arena.New<Qcow2Target>(
      LayerCopy(arena, make_unpacker), file, data, backing, geometry, places));
  TRY(target->Init(arena));
  return static_cast<Target*>(target);
}

}  // namespace

extern const Writer kWriter;
constinit const Writer kWriter = {.name = ByteView{kName, sizeof kName},
                                  .magic_offset = &MagicAtStart,
                                  .validate = &ValidateOptions,
                                  .create = &CreateImage,
                                  .open = &OpenTarget};

}  // namespace instar::qcow2
