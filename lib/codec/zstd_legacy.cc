// The decoders of zstd 0.5 to 0.7, as far as libzstd's own decoder names them:
// each refuses. Because this file defines the names, the linker does not take
// the real ones, 60 KiB and more, from libzstd.a.
#include "lib/codec/zstd_legacy.h"

#include <cstddef>

namespace instar::codec {
namespace {

constexpr uint32_t kFirstLegacyMagic = 0xfd2fb522;
constexpr uint32_t kLastLegacyMagic = 0xfd2fb527;
constexpr uint32_t kOldestMagic = 0x1eb52ffd;  // 0.1, stored big-endian

}  // namespace

bool IsLegacyZstdFrame(ByteView frame) {
  const auto magic = frame.At<Le32>(0);
  return magic.ok() && (magic.value() == kOldestMagic ||
                        (magic.value() >= kFirstLegacyMagic &&
                         magic.value() <= kLastLegacyMagic));
}

}  // namespace instar::codec

// The names are libzstd's. Every caller in libzstd takes a value that
// ZSTD_isError() knows, or a null context, for a failure.
// NOLINTBEGIN(readability-identifier-naming)
namespace {

// -(ZSTD_error_prefix_unknown)
constexpr size_t kRefused = static_cast<size_t>(-10);

}  // namespace

extern "C" {

void* ZBUFFv05_createDCtx();
size_t ZBUFFv05_freeDCtx(void* context);
size_t ZBUFFv05_decompressInitDictionary(void* context, const void* dictionary,
                                         size_t dictionary_size);
size_t ZBUFFv05_decompressContinue(void* context, void* target,
                                   size_t* target_size, const void* source,
                                   size_t* source_size);
void* ZSTDv05_createDCtx();
size_t ZSTDv05_freeDCtx(void* context);
size_t ZSTDv05_decompress_usingDict(void* context, void* target,
                                    size_t target_size, const void* source,
                                    size_t source_size, const void* dictionary,
                                    size_t dictionary_size);
size_t ZSTDv05_getFrameParams(void* parameters, const void* source,
                              size_t source_size);
void ZSTDv05_findFrameSizeInfoLegacy(const void* source, size_t source_size,
                                     size_t* compressed_size,
                                     unsigned long long* decompressed_bound);

void* ZBUFFv06_createDCtx();
size_t ZBUFFv06_freeDCtx(void* context);
size_t ZBUFFv06_decompressInitDictionary(void* context, const void* dictionary,
                                         size_t dictionary_size);
size_t ZBUFFv06_decompressContinue(void* context, void* target,
                                   size_t* target_size, const void* source,
                                   size_t* source_size);
void* ZSTDv06_createDCtx();
size_t ZSTDv06_freeDCtx(void* context);
size_t ZSTDv06_decompress_usingDict(void* context, void* target,
                                    size_t target_size, const void* source,
                                    size_t source_size, const void* dictionary,
                                    size_t dictionary_size);
size_t ZSTDv06_getFrameParams(void* parameters, const void* source,
                              size_t source_size);
void ZSTDv06_findFrameSizeInfoLegacy(const void* source, size_t source_size,
                                     size_t* compressed_size,
                                     unsigned long long* decompressed_bound);

void* ZBUFFv07_createDCtx();
size_t ZBUFFv07_freeDCtx(void* context);
size_t ZBUFFv07_decompressInitDictionary(void* context, const void* dictionary,
                                         size_t dictionary_size);
size_t ZBUFFv07_decompressContinue(void* context, void* target,
                                   size_t* target_size, const void* source,
                                   size_t* source_size);
void* ZSTDv07_createDCtx();
size_t ZSTDv07_freeDCtx(void* context);
size_t ZSTDv07_decompress_usingDict(void* context, void* target,
                                    size_t target_size, const void* source,
                                    size_t source_size, const void* dictionary,
                                    size_t dictionary_size);
size_t ZSTDv07_getFrameParams(void* parameters, const void* source,
                              size_t source_size);
void ZSTDv07_findFrameSizeInfoLegacy(const void* source, size_t source_size,
                                     size_t* compressed_size,
                                     unsigned long long* decompressed_bound);

void* ZBUFFv05_createDCtx() {
  return nullptr;
}
size_t ZBUFFv05_freeDCtx(void* /*context*/) {
  return 0;
}
size_t ZBUFFv05_decompressInitDictionary(void* /*context*/,
                                         const void* /*dictionary*/,
                                         size_t /*dictionary_size*/) {
  return kRefused;
}
size_t ZBUFFv05_decompressContinue(void* /*context*/, void* /*target*/,
                                   size_t* /*target_size*/,
                                   const void* /*source*/,
                                   size_t* /*source_size*/) {
  return kRefused;
}
void* ZSTDv05_createDCtx() {
  return nullptr;
}
size_t ZSTDv05_freeDCtx(void* /*context*/) {
  return 0;
}
size_t ZSTDv05_decompress_usingDict(void* /*context*/, void* /*target*/,
                                    size_t /*target_size*/,
                                    const void* /*source*/,
                                    size_t /*source_size*/,
                                    const void* /*dictionary*/,
                                    size_t /*dictionary_size*/) {
  return kRefused;
}
size_t ZSTDv05_getFrameParams(void* /*parameters*/, const void* /*source*/,
                              size_t /*source_size*/) {
  return kRefused;
}
void ZSTDv05_findFrameSizeInfoLegacy(const void* /*source*/,
                                     size_t /*source_size*/,
                                     size_t* compressed_size,
                                     unsigned long long* decompressed_bound) {
  *compressed_size = kRefused;
  *decompressed_bound = ~0ULL - 1;  // ZSTD_CONTENTSIZE_ERROR
}

void* ZBUFFv06_createDCtx() {
  return nullptr;
}
size_t ZBUFFv06_freeDCtx(void* /*context*/) {
  return 0;
}
size_t ZBUFFv06_decompressInitDictionary(void* /*context*/,
                                         const void* /*dictionary*/,
                                         size_t /*dictionary_size*/) {
  return kRefused;
}
size_t ZBUFFv06_decompressContinue(void* /*context*/, void* /*target*/,
                                   size_t* /*target_size*/,
                                   const void* /*source*/,
                                   size_t* /*source_size*/) {
  return kRefused;
}
void* ZSTDv06_createDCtx() {
  return nullptr;
}
size_t ZSTDv06_freeDCtx(void* /*context*/) {
  return 0;
}
size_t ZSTDv06_decompress_usingDict(void* /*context*/, void* /*target*/,
                                    size_t /*target_size*/,
                                    const void* /*source*/,
                                    size_t /*source_size*/,
                                    const void* /*dictionary*/,
                                    size_t /*dictionary_size*/) {
  return kRefused;
}
size_t ZSTDv06_getFrameParams(void* /*parameters*/, const void* /*source*/,
                              size_t /*source_size*/) {
  return kRefused;
}
void ZSTDv06_findFrameSizeInfoLegacy(const void* /*source*/,
                                     size_t /*source_size*/,
                                     size_t* compressed_size,
                                     unsigned long long* decompressed_bound) {
  *compressed_size = kRefused;
  *decompressed_bound = ~0ULL - 1;  // ZSTD_CONTENTSIZE_ERROR
}

void* ZBUFFv07_createDCtx() {
  return nullptr;
}
size_t ZBUFFv07_freeDCtx(void* /*context*/) {
  return 0;
}
size_t ZBUFFv07_decompressInitDictionary(void* /*context*/,
                                         const void* /*dictionary*/,
                                         size_t /*dictionary_size*/) {
  return kRefused;
}
size_t ZBUFFv07_decompressContinue(void* /*context*/, void* /*target*/,
                                   size_t* /*target_size*/,
                                   const void* /*source*/,
                                   size_t* /*source_size*/) {
  return kRefused;
}
void* ZSTDv07_createDCtx() {
  return nullptr;
}
size_t ZSTDv07_freeDCtx(void* /*context*/) {
  return 0;
}
size_t ZSTDv07_decompress_usingDict(void* /*context*/, void* /*target*/,
                                    size_t /*target_size*/,
                                    const void* /*source*/,
                                    size_t /*source_size*/,
                                    const void* /*dictionary*/,
                                    size_t /*dictionary_size*/) {
  return kRefused;
}
size_t ZSTDv07_getFrameParams(void* /*parameters*/, const void* /*source*/,
                              size_t /*source_size*/) {
  return kRefused;
}
void ZSTDv07_findFrameSizeInfoLegacy(const void* /*source*/,
                                     size_t /*source_size*/,
                                     size_t* compressed_size,
                                     unsigned long long* decompressed_bound) {
  *compressed_size = kRefused;
  *decompressed_bound = ~0ULL - 1;  // ZSTD_CONTENTSIZE_ERROR
}

}  // extern "C"
// NOLINTEND(readability-identifier-naming)
