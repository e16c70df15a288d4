// Writing VHDX images: blocks are stored one behind the other, in the order in
// which they are written first. Each leaves an entry in the log.
#include "lib/base/checked.h"
#include "lib/base/errno.h"
#include "lib/format/table_window.h"
#include "lib/format/target.h"
#include "lib/format/uuid.h"
#include "lib/format/vhdx/crc32c.h"
#include "lib/format/vhdx/create.h"
#include "lib/format/vhdx/header.h"
#include "lib/format/vhdx/log_writer.h"
#include "lib/format/vhdx/structure.h"

namespace instar::vhdx {
namespace {

constexpr uint8_t kName[] = {'v', 'h', 'd', 'x'};

constexpr bool IsAbsent(uint64_t state) {
  return state <= kPayloadUnmappedV1 || state == kPayloadUnmapped;
}

class VhdxTarget final : public Target {
 public:
  VhdxTarget(File& file, const Header& header, const Structure& structure)
      : Target(AlignDown(structure.parameters.virtual_size, kSectorBytes),
               structure.parameters.block_bytes, true),
        file_(&file),
        header_(header),
        bat_region_(structure.regions.bat()),
        block_bytes_(structure.parameters.block_bytes),
        chunk_ratio_(kSectorsPerBitmapBlock * kSectorBytes / block_bytes_) {}
  VhdxTarget(const VhdxTarget&) = delete;
  VhdxTarget& operator=(const VhdxTarget&) = delete;

  // Called once, before anything else.
  Status Open(Arena& arena);

  Result<WriteExtent> Allocate(uint64_t offset, uint64_t length) override;
  Status Finish() override;

 private:
  Result<uint64_t> AddBlock(uint64_t place);
  Status UpdateHeaders();

  File* file_;
  Header header_;
  Region bat_region_;
  uint64_t block_bytes_;
  uint64_t chunk_ratio_;  // blocks in front of each sector bitmap's entry
  TableWindow bat_;
  LogWriter log_;
  GuidSource guids_{0};
  MutableBytes current_;  // the header that counts, as it was
  bool is_written_ = false;
};

Status VhdxTarget::Open(Arena& arena) {
  using L = HeaderLayout;
  bat_ = TRY(TableWindow::Create(arena, *file_, bat_region_.offset,
                                 bat_region_.length));
  log_ = TRY(LogWriter::Create(arena, *file_, header_));
  current_ = TRY(arena.Allocate(L::kSize));
  TRY(file_->ReadAt(kHeaderOffsets[header_.copy], current_));
  const uint64_t seed = TRY(current_.view().At<Le64>(L::kFileWriteGuid));
  guids_ = GuidSource(seed ^ header_.sequence_number);
  // A fixed disk's blocks are all there; no entry says that one is zero.
  const uint64_t first = TRY(bat_.Load<Le64>(0));
  if ((first & kBatStateMask) == kPayloadFullyPresent) {
    cluster_size_ = 0;
  }
  return {};
}

Result<WriteExtent> VhdxTarget::Allocate(uint64_t offset, uint64_t length) {
  const uint64_t block = offset / block_bytes_;
  const uint64_t in_block = offset % block_bytes_;
  const uint64_t place = (block + block / chunk_ratio_) * kBatEntryBytes;
  const uint64_t entry = TRY(bat_.Load<Le64>(place));
  const uint64_t state = entry & kBatStateMask;
  uint64_t host = entry & kBatOffsetMask;
  if (IsAbsent(state)) {
    host = TRY(AddBlock(place));
  } else if (state != kPayloadFullyPresent) {
    return Error{.fault = Fault::kErrno, .value = state, .error = kEio};
  }
  is_written_ = true;
  return WriteExtent{.length = Min(length, block_bytes_ - in_block),
                     .file = file_,
                     .host_offset = host + in_block};
}

// A block at the end of the file, which reads as zeroes there. Returns where.
Result<uint64_t> VhdxTarget::AddBlock(uint64_t place) {
  const uint64_t host = TRY(CheckedAlignUp(file_->size(), kMib));
  const uint64_t end = TRY(CheckedAdd(host, block_bytes_));
  TRY(file_->Truncate(end, FilePreallocation::kSparse));
  TRY(bat_.Store<Le64>(place, host | kPayloadFullyPresent));
  const uint64_t sector = AlignDown(place, kLogSectorBytes);
  const ByteView bytes = TRY(bat_.View(sector, kLogSectorBytes));
  TRY(log_.Add(bat_region_.offset + sector, bytes, end, guids_));
  return host;
}

// Both headers as they are after so many updates in turn: one pair for the
// first write, and around each entry of the log one to name it and one to
// forget it.
Status VhdxTarget::UpdateHeaders() {
  using L = HeaderLayout;
  uint64_t sequence = header_.sequence_number + 1 + 4 * log_.count();
  TRY(guids_.Put(current_, L::kFileWriteGuid));
  for (uint32_t i = 1; i <= 2; ++i) {
    TRY(guids_.Put(current_, L::kDataWriteGuid));
    TRY(current_.Put<Le64>(L::kSequenceNumber.offset, sequence++));
    Seal(current_);
    TRY(file_->WriteAt(kHeaderOffsets[(header_.copy + i) % 2],
                       current_.Prefix(L::kUsedBytes).view()));
  }
  return {};
}

Status VhdxTarget::Finish() {
  TRY(bat_.Flush());
  return is_written_ ? UpdateHeaders() : Status();
}

Result<Target*> Open(Arena& arena, const TargetFiles& files, Image* /*backing*/,
                     codec::MakeUnpacker /*make_unpacker*/) {
  File& file = *files.file;
  Structure structure;
  TRY(OpenStructure(arena, file, false, structure));
  const Header header = TRY(ReadHeader(file, arena));
  VhdxTarget* target = TRY(arena.New<VhdxTarget>(file, header, structure));
  TRY(target->Open(arena));
  return static_cast<Target*>(target);
}

}  // namespace

extern const Writer kWriter;
constinit const Writer kWriter = {.name = ByteView{kName, sizeof kName},
                                  .magic_offset = &MagicAtStart,
                                  .validate = nullptr,
                                  .create = &CreateImage,
                                  .open = &Open};

// The same without the making of images.
extern const Writer kEditor;
constinit const Writer kEditor = {.name = ByteView{kName, sizeof kName},
                                  .magic_offset = nullptr,
                                  .validate = nullptr,
                                  .create = nullptr,
                                  .open = &Open};

}  // namespace instar::vhdx
