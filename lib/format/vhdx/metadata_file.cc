#include "lib/format/vhdx/metadata_file.h"

#include "lib/base/checked.h"
#include "lib/format/host_extents.h"
#include "lib/format/vhdx/log.h"

namespace instar::vhdx {

bool IsReadable(uint64_t offset, uint64_t length) {
  constexpr uint64_t kMaxEnd = 0x7fffffffc0000000;
  return length <= kMaxEnd && offset <= kMaxEnd - length;
}

Result<MetadataFile> MetadataFile::Create(Arena& arena, File& file, Log* log) {
  MetadataFile metadata;
  metadata.file_ = &file;
  metadata.log_ = log;
  metadata.size_ = TRY(SectorAlignedSize(file));
  if (log != nullptr) {
    metadata.size_ = Max(metadata.size_, log->file_size());
  }
  metadata.window_ = TRY(arena.Allocate(kMaxWindowBytes, 4096));
  return metadata;
}

Status MetadataFile::Read(uint64_t offset, MutableBytes out) {
  if (!IsReadable(offset, out.size())) {
    return Error{.fault = Fault::kVhdxUnreadable, .value = offset};
  }
  if (offset < file_->size()) {
    TRY(file_->ReadAt(offset, out));
  } else {
    out.Fill(0);
  }
  return log_ == nullptr ? Status() : log_->Apply(offset, out);
}

Result<ByteView> MetadataFile::Window(uint64_t offset, uint64_t length) {
  INSTAR_CHECK(length <= kMaxWindowBytes);
  const MutableBytes bytes = window_.Prefix(length);
  if (window_length_ != length || window_offset_ != offset) {
    window_length_ = 0;
    TRY(Read(offset, bytes));
    window_offset_ = offset;
    window_length_ = length;
  }
  return bytes.view();
}

}  // namespace instar::vhdx
