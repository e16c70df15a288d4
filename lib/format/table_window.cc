#include "lib/format/table_window.h"

namespace instar {

Result<TableWindow> TableWindow::Create(Arena& arena, File& file,
                                        uint64_t offset, uint64_t length) {
  TableWindow window;
  window.file_ = &file;
  window.offset_ = offset;
  window.length_ = length;
  window.bytes_ = TRY(arena.Allocate(kBytes, 4096));
  return window;
}

Result<ByteView> TableWindow::View(uint64_t at, uint64_t length) {
  const MutableBytes place = TRY(Place(at, length));
  return place.view();
}

Result<MutableBytes> TableWindow::Place(uint64_t at, uint64_t length) {
  if (at >= length_) {
    return Error{.fault = Fault::kOutOfBounds, .value = at};
  }
  const uint64_t start = AlignDown(at, kBytes);
  if (!is_loaded_ || start != start_) {
    TRY(Flush());
    is_loaded_ = false;
    TRY(file_->ReadAt(offset_ + start,
                      bytes_.Prefix(Min(length_ - start, kBytes))));
    start_ = start;
    is_loaded_ = true;
  }
  return bytes_.Slice(at - start, length);
}

void TableWindow::Touch(uint64_t at, uint64_t length) {
  const bool is_first = changed_from_ == changed_to_;
  changed_from_ = is_first ? at : Min(changed_from_, at);
  changed_to_ = is_first ? at + length : Max(changed_to_, at + length);
}

Status TableWindow::Flush() {
  if (changed_from_ == changed_to_) {
    return {};
  }
  TRY(in_order_ ? file_->Flush() : Status());
  const MutableBytes changed =
      TRY(bytes_.Slice(changed_from_ - start_, changed_to_ - changed_from_));
  TRY(file_->WriteAt(offset_ + changed_from_, changed.view()));
  changed_from_ = 0;
  changed_to_ = 0;
  return {};
}

}  // namespace instar
