// libdeflate unpacks nearly every cluster. What it refuses goes to zlib, whose
// verdict is the one that callers know: a stream need not end, or be whole,
// once the output is full.
#include "lib/codec/inflate.h"

#include <libdeflate.h>
#include <zlib.h>

#include "lib/codec/libdeflate_memory.h"

namespace instar::codec {
namespace {

// zlib's state (7 KiB) and its window (32 KiB), which it allocates when the
// output is full before the stream ends.
constexpr uint64_t kZlibMemoryBytes = 48 * 1024;

// A raw stream with distances up to 32 KiB, RFC 1951.
constexpr int kRawWindowBits = -15;

voidpf AllocateFrom(voidpf opaque, uInt items, uInt size) {
  auto* arena = static_cast<Arena*>(opaque);
  auto bytes = arena->Allocate(uint64_t{items} * size);
  return bytes.ok() ? bytes.value().data() : nullptr;
}

void FreeNothing(voidpf /*opaque*/, voidpf /*address*/) {}

bool InflateWithZlib(MutableBytes memory, ByteView packed, MutableBytes out) {
  Arena arena(memory);
  z_stream stream = {};
  stream.zalloc = &AllocateFrom;
  stream.zfree = &FreeNothing;
  stream.opaque = &arena;
  if (inflateInit2_(&stream, kRawWindowBits, ZLIB_VERSION,
                    static_cast<int>(sizeof stream)) != Z_OK) {
    return false;
  }
  // zlib does not write to its input.
  stream.next_in = const_cast<Bytef*>(packed.data());
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = out.data();
  stream.avail_out = static_cast<uInt>(out.size());
  const int outcome = inflate(&stream, Z_FINISH);
  return (outcome == Z_STREAM_END || outcome == Z_BUF_ERROR) &&
         stream.avail_out == 0;
}

}  // namespace

Result<InflateState*> CreateInflate(Arena& arena) {
  auto* state = TRY(arena.New<InflateState>());
  state->zlib_memory = TRY(arena.Allocate(kZlibMemoryBytes, 64));
  const LibdeflateMemory memory(arena);
  state->decompressor = libdeflate_alloc_decompressor();
  if (state->decompressor == nullptr) {
    return Error{.fault = Fault::kNoMemory};
  }
  return state;
}

Status Inflate(InflateState& state, ByteView packed, MutableBytes out) {
  const Error failure = {.fault = Fault::kCompressedData};
  constexpr uint64_t kMaxBytes = 0x7fff'ffff;  // zlib's counts are 32 bits wide
  if (packed.size() > kMaxBytes || out.size() > kMaxBytes) {
    return failure;
  }
  size_t consumed = 0;
  size_t written = 0;
  const auto outcome = libdeflate_deflate_decompress_ex(
      state.decompressor, packed.data(), packed.size(), out.data(), out.size(),
      &consumed, &written);
  if (outcome == LIBDEFLATE_SUCCESS) {
    return written == out.size() ? Status() : Status(failure);
  }
  return InflateWithZlib(state.zlib_memory, packed, out) ? Status()
                                                         : Status(failure);
}

}  // namespace instar::codec
