// Which creation options go together, in the order in which qemu-img looks.
#include <limits>

#include "lib/base/checked.h"
#include "lib/base/errno.h"
#include "lib/format/qcow2/create.h"
#include "lib/format/qcow2/create_header.h"
#include "lib/format/qcow2/geometry.h"
#include "lib/format/qcow2/layout.h"

namespace instar::qcow2 {
namespace {

constexpr uint64_t kMinExtendedL2Cluster = 16384;
constexpr uint32_t kMaxRefcountBits = uint32_t{1} << kMaxRefcountOrder;

// What the name of a backing file does not fit into: errnos of Linux.

Error Refused(Fault fault, uint64_t value = 0) {
  return {.fault = fault, .value = value};
}

Status CheckClusters(const Qcow2CreateOptions& options) {
  const uint64_t size = options.cluster_size;
  if (!IsPowerOfTwo(size) || size < uint64_t{1} << kMinClusterBits ||
      size > uint64_t{1} << kMaxClusterBits) {
    return Refused(Fault::kQcow2CreateClusterSize, size);
  }
  if (options.extended_l2 && options.version < 3) {
    return Refused(Fault::kQcow2CreateExtendedL2Version);
  }
  if (options.extended_l2 && size < kMinExtendedL2Cluster) {
    return Refused(Fault::kQcow2CreateExtendedL2Cluster, size);
  }
  return {};
}

Status CheckRefcounts(const Qcow2CreateOptions& options) {
  if (options.version < 3 && options.lazy_refcounts) {
    return Refused(Fault::kQcow2CreateLazyVersion);
  }
  const uint32_t bits = options.refcount_bits;
  if (!IsPowerOfTwo(bits) || bits > kMaxRefcountBits) {
    return Refused(Fault::kQcow2CreateRefcountBits, bits);
  }
  if (options.version < 3 && bits != uint32_t{1} << kDefaultRefcountOrder) {
    return Refused(Fault::kQcow2CreateRefcountVersion, bits);
  }
  return {};
}

Status CheckDataFile(const CreateOptions& options) {
  const Qcow2CreateOptions& qcow2 = options.qcow2;
  if (qcow2.data_file_raw && qcow2.data_file.empty()) {
    return Refused(Fault::kQcow2CreateDataFileRawAlone);
  }
  if (qcow2.data_file_raw && !options.backing_file.empty()) {
    return Refused(Fault::kQcow2CreateDataFileBacking);
  }
  if (!qcow2.data_file.empty() && qcow2.version < 3) {
    return Refused(Fault::kQcow2CreateDataFileVersion);
  }
  if (qcow2.compression != Compression::kZlib && qcow2.version < 3) {
    return Refused(Fault::kQcow2CreateCompressionVersion);
  }
  return {};
}

Status CheckSize(const CreateOptions& options) {
  constexpr uint64_t kMaxSize =
      AlignDown(std::numeric_limits<int64_t>::max(), 512);
  if (options.size > kMaxSize) {
    return Refused(Fault::kSizeTooLarge, options.size);
  }
  uint64_t cluster_bits = kMinClusterBits;
  while (uint64_t{1} << cluster_bits != options.qcow2.cluster_size) {
    ++cluster_bits;
  }
  const Geometry geometry = {
      .cluster_bits = cluster_bits,
      .extended_l2 = options.qcow2.extended_l2,
      .virtual_size = AlignDown(options.size + 511, 512)};
  if (geometry.l1_entries() > kMaxL1Bytes / kL1EntryBytes) {
    return Refused(Fault::kSizeTooLarge, options.size);
  }
  return {};
}

Status CheckNames(const CreateOptions& options) {
  if (ExtensionsEnd(options) > options.qcow2.cluster_size) {
    return Error{.fault = Fault::kErrno,
                 .value = ExtensionsEnd(options),
                 .error = kEnospc};
  }
  const uint64_t length = options.backing_file.size();
  const bool too_long = length > kMaxBackingNameBytes;
  if (too_long || HeaderEnd(options) > options.qcow2.cluster_size) {
    return Error{.fault = Fault::kQcow2CreateBackingNameTooLong,
                 .value = length,
                 .error = too_long ? kEinval : kEnospc};
  }
  return {};
}

}  // namespace

Status ValidateOptions(const CreateOptions& options) {
  TRY(CheckClusters(options.qcow2));
  if (options.preallocation != Preallocation::kOff &&
      !options.backing_file.empty() && !options.qcow2.extended_l2) {
    return Refused(Fault::kQcow2CreatePreallocationBacking);
  }
  if (options.backing_file.empty() && !options.backing_format.empty()) {
    return Refused(Fault::kQcow2CreateBackingFormatAlone);
  }
  TRY(CheckRefcounts(options.qcow2));
  TRY(CheckDataFile(options));
  TRY(CheckSize(options));
  return CheckNames(options);
}

}  // namespace instar::qcow2
