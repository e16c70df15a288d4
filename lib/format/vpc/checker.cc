// Checks a VHD image: the checksum of the dynamic header, the footer at the end
// against its copy at the start, and that no block overlaps another one or the
// metadata. qemu-img has no check for this format, so that nothing here is in
// its words.
#include "lib/format/checker.h"

#include "lib/base/checked.h"
#include "lib/format/host_extents.h"
#include "lib/format/vpc/block_table.h"
#include "lib/format/vpc/header.h"
#include "lib/format/vpc/overlaps.h"

namespace instar::vpc {
namespace {

constexpr uint8_t kName[] = {'v', 'p', 'c'};

class Check {
 public:
  Check(Arena& arena, File& file, ProblemVisitor& visitor)
      : arena_(arena), file_(file), visitor_(visitor) {}
  Check(const Check&) = delete;
  Check& operator=(const Check&) = delete;

  Result<CheckResult> Run();

 private:
  Status CheckFlat();
  Status CheckDynamicHeader();
  Status CheckFooter();
  Status CheckBlocks(BlockTable& table);
  Status CheckBlock(uint64_t index, uint64_t start);
  Status Report(Fault fault, uint64_t value = 0, uint64_t value2 = 0);

  Arena& arena_;
  File& file_;
  ProblemVisitor& visitor_;
  Header header_;
  CheckResult result_;
  uint64_t footer_offset_ = 0;
  bool has_footer_ = false;
};

Result<CheckResult> Check::Run() {
  // Which of the two sizes holds makes no difference to the structures.
  header_ = TRY(ReadHeader(file_, SizeRule::kRecordedUnlessOld));
  footer_offset_ = TRY(SectorAlignedSize(file_)) - FooterLayout::kSize;
  if (!header_.has_table) {
    TRY(CheckFlat());
    return result_;
  }
  BlockTable table = TRY(BlockTable::Create(arena_, file_, header_));
  TRY(table.FindEnd(file_));
  TRY(CheckDynamicHeader());
  TRY(CheckFooter());
  TRY(CheckBlocks(table));
  return result_;
}

Status Check::CheckFlat() {
  if (header_.virtual_size > footer_offset_) {
    return Report(Fault::kCheckVpcDataMissing, header_.virtual_size,
                  footer_offset_);
  }
  return {};
}

Status Check::CheckDynamicHeader() {
  using L = DynamicLayout;
  uint8_t buffer[L::kSize] = {};
  TRY(file_.ReadAt(header_.dynamic_offset,
                   MutableBytes(buffer, sizeof buffer)));
  const ByteView bytes(buffer, sizeof buffer);
  const uint32_t recorded = TRY(bytes.At<Be32>(L::kChecksum.offset));
  if (recorded != ChecksumOf(bytes, L::kChecksum.offset)) {
    return Report(Fault::kCheckVpcHeaderChecksum);
  }
  return {};
}

Status Check::CheckFooter() {
  using L = FooterLayout;
  uint8_t copy[L::kSize] = {};
  uint8_t footer[L::kSize] = {};
  TRY(file_.ReadAt(0, MutableBytes(copy, sizeof copy)));
  TRY(file_.ReadAt(footer_offset_, MutableBytes(footer, sizeof footer)));
  has_footer_ = FixedView<L::kSize>(footer).Get<L::kCookie>() == kFooterCookie;
  if (!has_footer_) {
    return Report(Fault::kCheckVpcFooterMissing, footer_offset_);
  }
  if (!ByteView(copy, sizeof copy).Equals(ByteView(footer, sizeof footer))) {
    return Report(Fault::kCheckVpcFooterDiffers, footer_offset_);
  }
  return {};
}

Status Check::CheckBlocks(BlockTable& table) {
  OverlapFinder overlaps =
      TRY(OverlapFinder::Create(arena_, header_, footer_offset_));
  BlockTable::Chunk chunk;
  for (bool first_pass = true; overlaps.NextPass(); first_pass = false) {
    for (uint64_t first = 0; first < header_.num_entries;
         first += chunk.count) {
      TRY(table.Copy(first, chunk));
      for (uint64_t i = 0; i < chunk.count; ++i) {
        const uint64_t entry = chunk.entries[i];
        if (entry == kUnallocated) {
          continue;
        }
        if (first_pass) {
          TRY(CheckBlock(first + i, entry * kSectorBytes));
        }
        const uint64_t other = TRY(overlaps.Add(first + i, entry));
        if (other != kUnallocated) {
          TRY(Report(Fault::kCheckVpcBlocksOverlap, first + i, other));
        }
      }
    }
  }
  return {};
}

// The block's place against everything that is no block.
Status Check::CheckBlock(uint64_t index, uint64_t start) {
  const uint64_t end = start + header_.stored_block_bytes();
  const auto overlaps = [start, end](uint64_t offset, uint64_t length) {
    return length != 0 && start < offset + length && offset < end;
  };
  if (overlaps(0, FooterLayout::kSize) ||
      overlaps(header_.dynamic_offset, DynamicLayout::kSize) ||
      overlaps(header_.table_offset, header_.table_bytes())) {
    return Report(Fault::kCheckVpcBlockMetadata, index, start);
  }
  if (has_footer_ && overlaps(footer_offset_, FooterLayout::kSize)) {
    return Report(Fault::kCheckVpcBlockFooter, index, start);
  }
  return {};
}

Status Check::Report(Fault fault, uint64_t value, uint64_t value2) {
  ++result_.corruptions;
  return visitor_.OnProblem({.fault = fault, .value = value, .value2 = value2});
}

Result<CheckResult> CheckVpc(Arena& arena, File& file, Opener& /*opener*/,
                             ProblemVisitor& visitor) {
  return Check(arena, file, visitor).Run();
}

}  // namespace

extern const Checker kChecker;
constinit const Checker kChecker = {.name = ByteView(kName, sizeof kName),
                                    .check = &CheckVpc};

}  // namespace instar::vpc
