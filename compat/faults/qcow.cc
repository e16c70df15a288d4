#include "compat/faults/faults.h"

namespace instar::compat {
namespace {

constexpr FaultRow kRows[] = {
    {proto::FAULT_QCOW_VERSION, "qcow (v1) does not support qcow version {v}"},
    {proto::FAULT_QCOW_SIZE_TOO_SMALL,
     "Image size is too small (must be at least 2 bytes)"},
    {proto::FAULT_QCOW_CLUSTER_BITS,
     "Cluster size must be between 512 and 64k"},
    {proto::FAULT_QCOW_L2_BITS, "L2 table size must be between 512 and 64k"},
    {proto::FAULT_QCOW_CRYPT_METHOD,
     "invalid encryption method in qcow header"},
    {proto::FAULT_QCOW_IMAGE_TOO_LARGE, "Image too large"},
    {proto::FAULT_QCOW_BACKING_NAME_TOO_LONG, "Backing file name too long"},
    {proto::FAULT_QCOW_KEY_REQUIRED,
     "Parameter 'encrypt.key-secret' is required for cipher"},
    {proto::FAULT_QCOW_CREATE_EMPTY,
     "Image size is too small, cannot be zero length"},
};

}  // namespace

std::span<const FaultRow> QcowFaults() {
  return kRows;
}

}  // namespace instar::compat
