#include "tests/support/memory_file.h"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace instar::fakes {
namespace {

// Growing beyond this is a mistake in the test or in the code under test.
constexpr uint64_t kMaxBytes = uint64_t{1} << 30;

Error Failure(int32_t error) {
  return {.fault = Fault::kErrno, .error = error};
}

}  // namespace

MemoryFile::MemoryFile(std::vector<uint8_t> bytes, uint32_t slot)
    : bytes_(std::move(bytes)), slot_(slot) {}

void MemoryFile::FailAt(uint64_t n, uint64_t count) {
  until_failure_ = n;
  failures_left_ = count;
}

void MemoryFile::AddHole(uint64_t offset, uint64_t length) {
  holes_.push_back({offset, length});
}

uint64_t MemoryFile::allocated() const {
  return std::min(allocated_, uint64_t{bytes_.size()});
}

Status MemoryFile::Enter(AccessKind kind, uint64_t offset, uint64_t length) {
  log_.push_back({kind, offset, length});
  if (until_failure_ > 0) {
    --until_failure_;
    return {};
  }
  if (failures_left_ == 0) {
    return {};
  }
  --failures_left_;
  return Failure(EIO);
}

Status MemoryFile::ReadAt(uint64_t offset, MutableBytes out) {
  TRY(Enter(AccessKind::kRead, offset, out.size()));
  out.Fill(0);
  if (offset < bytes_.size()) {
    const uint64_t length = std::min(out.size(), bytes_.size() - offset);
    std::copy_n(bytes_.data() + offset, length, out.data());
  }
  return {};
}

Status MemoryFile::WriteAt(uint64_t offset, ByteView bytes) {
  TRY(Enter(AccessKind::kWrite, offset, bytes.size()));
  if (offset > kMaxBytes || bytes.size() > kMaxBytes - offset) {
    return Failure(EFBIG);
  }
  bytes_.resize(std::max<size_t>(bytes_.size(), offset + bytes.size()));
  std::copy_n(bytes.data(), bytes.size(), bytes_.data() + offset);
  return {};
}

Status MemoryFile::WriteZeroes(uint64_t offset, uint64_t length,
                               bool /*may_unmap*/) {
  TRY(Enter(AccessKind::kZero, offset, length));
  if (offset > kMaxBytes || length > kMaxBytes - offset) {
    return Failure(EFBIG);
  }
  bytes_.resize(std::max<size_t>(bytes_.size(), offset + length));
  std::fill_n(bytes_.data() + offset, length, uint8_t{0});
  return {};
}

Status MemoryFile::Truncate(uint64_t size, FilePreallocation /*unused*/) {
  TRY(Enter(AccessKind::kTruncate, size, 0));
  if (size > kMaxBytes) {
    return Failure(EFBIG);
  }
  bytes_.resize(size);
  return {};
}

Status MemoryFile::Flush() {
  return Enter(AccessKind::kFlush, 0, 0);
}

Result<FileExtent> MemoryFile::Extent(uint64_t offset, uint64_t length) {
  TRY(Enter(AccessKind::kExtent, offset, length));
  if (offset >= bytes_.size()) {
    return FileExtent{};
  }
  uint64_t end = offset + std::min(length, bytes_.size() - offset);
  for (const Hole& hole : holes_) {
    if (hole.offset <= offset && offset < hole.offset + hole.length) {
      end = std::min(end, hole.offset + hole.length);
      return FileExtent{.length = end - offset, .data = false};
    }
    if (hole.offset > offset) {
      end = std::min(end, hole.offset);
    }
  }
  return FileExtent{.length = end - offset, .data = true};
}

}  // namespace instar::fakes
