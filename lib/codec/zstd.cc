#include "lib/codec/zstd.h"

#define ZSTD_STATIC_LINKING_ONLY  // for ZSTD_initStaticDCtx
#include <zstd.h>

#include "lib/codec/zstd_legacy.h"

namespace instar::codec {
namespace {

// qemu-img unpacks through the streaming interface, which refuses windows
// above this where it has to keep one: when the frame does not tell its
// content's size.
constexpr uint64_t kMaxStreamWindowBytes = uint64_t{1} << 27;

bool NeedsTooLargeWindow(ByteView frame) {
  ZSTD_frameHeader header;
  if (ZSTD_getFrameHeader(&header, frame.data(), frame.size()) != 0 ||
      header.frameType == ZSTD_skippableFrame) {
    return false;
  }
  return header.frameContentSize == ZSTD_CONTENTSIZE_UNKNOWN &&
         header.windowSize > kMaxStreamWindowBytes;
}

}  // namespace

Result<ZstdState*> CreateZstd(Arena& arena) {
  auto* state = TRY(arena.New<ZstdState>());
  const MutableBytes memory = TRY(arena.Allocate(ZSTD_estimateDCtxSize(), 64));
  state->context = ZSTD_initStaticDCtx(memory.data(), memory.size());
  if (state->context == nullptr) {
    return Error{.fault = Fault::kNoMemory};
  }
  return state;
}

Status Zstd(ZstdState& state, ByteView packed, MutableBytes out) {
  const Error failure = {.fault = Fault::kCompressedData};
  ByteView rest = packed;
  MutableBytes room = out;
  // Each round consumes at least a frame header.
  while (!room.empty()) {
    const size_t frame_bytes =
        ZSTD_findFrameCompressedSize(rest.data(), rest.size());
    if (ZSTD_isError(frame_bytes) != 0) {
      return failure;
    }
    const ByteView frame = TRY(rest.Slice(0, frame_bytes));
    if (IsLegacyZstdFrame(frame) || NeedsTooLargeWindow(frame)) {
      return failure;
    }
    const size_t written = ZSTD_decompressDCtx(
        state.context, room.data(), room.size(), frame.data(), frame.size());
    if (ZSTD_isError(written) != 0) {
      return failure;
    }
    room = TRY(room.Slice(written, room.size() - written));
    rest = TRY(rest.Slice(frame_bytes, rest.size() - frame_bytes));
  }
  return {};
}

}  // namespace instar::codec
