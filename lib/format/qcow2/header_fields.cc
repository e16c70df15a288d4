#include "lib/format/qcow2/header_fields.h"

#include "lib/base/bytes.h"
#include "lib/base/checked.h"
#include "lib/format/qcow2/layout.h"

namespace instar::qcow2 {
namespace {

using L = HeaderLayout;

Status PutDurably(File& file, uint64_t offset, ByteView bytes) {
  TRY(file.Flush());
  TRY(file.WriteAt(offset, bytes));
  return file.Flush();
}

}  // namespace

Status PutVirtualSize(File& file, uint64_t bytes) {
  uint8_t record[Be64::kSize];
  const MutableBytes field(record, sizeof record);
  TRY(field.Put<Be64>(0, bytes));
  return PutDurably(file, L::kVirtualSize.offset, field.view());
}

Status PutL1Place(File& file, uint64_t offset, uint64_t entries) {
  static_assert(L::kL1TableOffset.offset == L::kL1Size.offset + Be32::kSize);
  uint8_t record[Be32::kSize + Be64::kSize];
  const MutableBytes fields(record, sizeof record);
  const uint32_t narrow = TRY(Narrow<uint32_t>(entries));
  TRY(fields.Put<Be32>(0, narrow));
  TRY(fields.Put<Be64>(Be32::kSize, offset));
  return PutDurably(file, L::kL1Size.offset, fields.view());
}

}  // namespace instar::qcow2
