#include "lib/format/qcow/header.h"

#include <limits>

#include "lib/base/checked.h"
#include "lib/base/errno.h"
#include "lib/format/qcow/layout.h"

namespace instar::qcow {
namespace {

constexpr uint64_t kMaxOffset = std::numeric_limits<int64_t>::max();
// The longest single read of qemu's block layer; it reads the L1 table in one.
constexpr uint64_t kMaxReadBytes = 0x7fffffff / 512 * 512;

Error Wrong(Fault fault, uint64_t value = 0) {
  return {.fault = fault, .value = value};
}

Status CheckFields(const Header& header, bool needs_key) {
  if (header.size < kMinVirtualSize) {
    return Wrong(Fault::kQcowSizeTooSmall, header.size);
  }
  if (header.cluster_bits < kMinClusterBits ||
      header.cluster_bits > kMaxClusterBits) {
    return Wrong(Fault::kQcowClusterBits, header.cluster_bits);
  }
  if (header.l2_bits < kMinL2Bits || header.l2_bits > kMaxL2Bits) {
    return Wrong(Fault::kQcowL2Bits, header.l2_bits);
  }
  if (header.crypt_method > kCryptAes) {
    return Wrong(Fault::kQcowCryptMethod, header.crypt_method);
  }
  if (header.crypt_method != kCryptNone && needs_key) {
    return Wrong(Fault::kQcowKeyRequired, header.crypt_method);
  }
  return {};
}

Status CheckL1Table(const Header& header) {
  const uint64_t coverage = uint64_t{1} << header.l2_coverage_bits();
  const uint64_t entries = DivRoundUp(header.size, coverage);
  if (header.size > std::numeric_limits<uint64_t>::max() - coverage ||
      entries > kMaxL1Entries) {
    return Wrong(Fault::kQcowImageTooLarge, header.size);
  }
  const uint64_t bytes = entries * kEntryBytes;
  if (bytes > kMaxReadBytes || header.l1_offset > kMaxOffset - bytes) {
    return Error{.fault = Fault::kOpenWithoutWords, .error = kEio};
  }
  return {};
}

Status CheckBackingName(const Header& header) {
  if (header.backing_file_offset == 0) {
    return {};
  }
  const uint64_t bytes = header.backing_file_bytes;
  if (bytes > kMaxBackingNameBytes) {
    return Wrong(Fault::kQcowBackingNameTooLong, bytes);
  }
  if (header.backing_file_offset > kMaxOffset - bytes) {
    return Error{.fault = Fault::kOpenWithoutWords, .error = kEio};
  }
  return {};
}

}  // namespace

Result<Header> ReadHeader(BlockCache& cache, bool needs_key) {
  using L = HeaderLayout;
  const ByteView bytes = TRY(cache.View(0, L::kSize));
  const auto raw = TRY(bytes.Fixed<L::kSize>(0));
  if (raw.Get<L::kMagic>() != kMagic) {
    const ByteView name = ByteView::Of("qcow");
    return Error{.fault = Fault::kNotInFormat,
                 .text = name.data(),
                 .text_bytes = static_cast<uint32_t>(name.size())};
  }
  if (raw.Get<L::kVersion>() != kVersion) {
    return Wrong(Fault::kQcowVersion, raw.Get<L::kVersion>());
  }
  const Header header = {
      .backing_file_offset = raw.Get<L::kBackingFileOffset>(),
      .backing_file_bytes = raw.Get<L::kBackingFileSize>(),
      .size = raw.Get<L::kVirtualSize>(),
      .cluster_bits = raw.Get<L::kClusterBits>(),
      .l2_bits = raw.Get<L::kL2Bits>(),
      .crypt_method = raw.Get<L::kCryptMethod>(),
      .l1_offset = raw.Get<L::kL1TableOffset>(),
  };
  TRY(CheckFields(header, needs_key));
  TRY(CheckL1Table(header));
  TRY(CheckBackingName(header));
  return header;
}

}  // namespace instar::qcow
