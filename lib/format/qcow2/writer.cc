// Writing qcow2 images: what the format exports.
#include "lib/base/checked.h"
#include "lib/format/block_cache.h"
#include "lib/format/qcow2/create.h"
#include "lib/format/qcow2/extensions.h"
#include "lib/format/qcow2/header.h"
#include "lib/format/qcow2/metadata.h"
#include "lib/format/qcow2/qcow2_target.h"
#include "lib/format/target.h"

namespace instar::qcow2 {
namespace {

constexpr uint8_t kName[] = {'q', 'c', 'o', 'w', '2'};

// What can be read but not written with data.
Status CheckTarget(const Header& header, const TargetFiles& files) {
  TRY(CheckWritable(header));
  if (header.crypt_method != kCryptNone) {
    return Error{.fault = Fault::kQcow2KeyRequired,
                 .value = header.crypt_method};
  }
  if ((header.autoclear & kAutoclearBitmaps) != 0 && !files.keeps_bitmaps) {
    const ByteView what = ByteView::Of("writing an image with bitmaps");
    return Error{.fault = Fault::kUnsupported,
                 .text = what.data(),
                 .text_bytes = static_cast<uint32_t>(what.size())};
  }
  return {};
}

// Whoever writes must take back the promises of features that he does not
// know.
Status ClearUnknownPromises(File& file, const Header& header) {
  const uint64_t kept = KeptAutoclear(header);
  if (header.version < 3 || header.autoclear == kept) {
    return {};
  }
  uint8_t field[8];
  const MutableBytes bytes(field, sizeof field);
  TRY(bytes.Put<Be64>(0, kept));
  return file.WriteAt(HeaderLayout::kAutoclearFeatures.offset, bytes.view());
}

Result<Target*> OpenTarget(Arena& arena, const TargetFiles& files,
                           Image* backing, codec::MakeUnpacker make_unpacker) {
  File& file = *files.file;
  BlockCache cache = TRY(BlockCache::Create(arena, file, 1));
  const Header header = TRY(ReadHeader(cache, arena));
  Extensions extensions;
  TRY(ReadExtensions(cache, header, arena, extensions));
  TRY(CheckTarget(header, files));
  if (header.has_data_file() && files.data_file == nullptr) {
    return Error{.fault = Fault::kQcow2DataFileMissing};
  }
  TRY(ClearUnknownPromises(file, header));
  const Geometry geometry = GeometryOf(header);
  const TablePlaces places = {
      .l1_offset = header.l1_offset,
      .l1_entries = header.num_l1_entries,
      .refcount_table_offset = header.refcount_table_offset,
      .refcount_table_clusters = header.refcount_table_clusters};
  File& data = header.has_data_file() ? *files.data_file : file;
  Qcow2Target* target = TRY(arena.New<Qcow2Target>(
      LayerCopy(arena, make_unpacker), file, data, backing, geometry, places));
  TRY(target->Init(arena));
  if (files.has_old_data) {
    target->WriteInOrder();
  }
  return static_cast<Target*>(target);
}

}  // namespace

extern const Writer kWriter;
constinit const Writer kWriter = {.name = ByteView{kName, sizeof kName},
                                  .magic_offset = &MagicAtStart,
                                  .validate = &ValidateOptions,
                                  .create = &CreateImage,
                                  .open = &OpenTarget};

// The same without the making of images.
extern const Writer kEditor;
constinit const Writer kEditor = {.name = ByteView{kName, sizeof kName},
                                  .magic_offset = nullptr,
                                  .validate = nullptr,
                                  .create = nullptr,
                                  .open = &OpenTarget};

}  // namespace instar::qcow2
