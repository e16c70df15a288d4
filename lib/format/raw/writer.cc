// Writing raw images: guest-visible bytes are the file's own.
#include <limits>

#include "lib/base/checked.h"
#include "lib/format/first_block.h"
#include "lib/format/target.h"

namespace instar::raw {
namespace {

constexpr uint8_t kName[] = {'r', 'a', 'w'};
constexpr uint64_t kSectorBytes = 512;

class RawTarget final : public Target {
 public:
  explicit RawTarget(File& file)
      : Target(AlignDown(file.size() + kSectorBytes - 1, kSectorBytes), 0),
        file_(&file) {}
  RawTarget(const RawTarget&) = delete;
  RawTarget& operator=(const RawTarget&) = delete;

  Result<WriteExtent> Allocate(uint64_t offset, uint64_t length) override {
    return WriteExtent{.length = length, .file = file_, .host_offset = offset};
  }
  Status WriteZeroes(uint64_t offset, uint64_t length,
                     bool may_unmap) override {
    return file_->WriteZeroes(offset, length, may_unmap);
  }
  Status Finish() override { return {}; }

 private:
  File* file_;
};

Status Validate(const CreateOptions& options) {
  if (options.size > std::numeric_limits<int64_t>::max() - kSectorBytes) {
    return Error{.fault = Fault::kSizeTooLarge, .value = options.size};
  }
  if (options.preallocation == Preallocation::kMetadata) {
    return Error{.fault = Fault::kPreallocationUnsupported,
                 .value = static_cast<uint64_t>(options.preallocation)};
  }
  return {};
}

Status Create(Arena& /*arena*/, const TargetFiles& files,
              const CreateOptions& options) {
  File& file = *files.file;
  TRY(Validate(options));
  const uint64_t size = TRY(CheckedAlignUp(options.size, kSectorBytes));
  // Of a device, which is as long as it was, only the first sector.
  const bool is_device = file.size() != 0;
  TRY(file.Truncate(size, FileMode(options.preallocation)));
  return size == 0 ? Status()
                   : WriteFirstBlock(file, is_device ? kSectorBytes : size);
}

Result<Target*> Open(Arena& arena, const TargetFiles& files, Image* /*backing*/,
                     codec::MakeUnpacker /*make_unpacker*/) {
  RawTarget* target = TRY(arena.New<RawTarget>(*files.file));
  return static_cast<Target*>(target);
}

}  // namespace

extern const Writer kWriter;
constinit const Writer kWriter = {.name = ByteView{kName, sizeof kName},
                                  .magic_offset = nullptr,
                                  .validate = &Validate,
                                  .create = &Create,
                                  .open = &Open};

// The same without the making of images.
extern const Writer kEditor;
constinit const Writer kEditor = {.name = ByteView{kName, sizeof kName},
                                  .magic_offset = nullptr,
                                  .validate = nullptr,
                                  .create = nullptr,
                                  .open = &Open};

}  // namespace instar::raw
