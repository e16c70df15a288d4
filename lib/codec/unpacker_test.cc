#include "lib/codec/unpacker.h"

#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <vector>

#include "tests/support/test_arena.h"

namespace instar::codec {
namespace {

constexpr uint64_t kClusterBytes = 65536;

using Buffer = std::vector<uint8_t>;

// Repetitive, but never for long.
Buffer Text(uint64_t size) {
  Buffer text(size);
  uint32_t state = 1;
  for (uint64_t i = 0; i < size; ++i) {
    state = state * 1103515245 + 12345;
    text[i] =
        static_cast<uint8_t>('a' + (state >> 16) % (i % 64 < 32 ? 2 : 20));
  }
  return text;
}

Buffer Deflate(const Buffer& plain, int finish = Z_FINISH) {
  z_stream stream = {};
  EXPECT_EQ(deflateInit2_(&stream, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY,
                          ZLIB_VERSION, static_cast<int>(sizeof stream)),
            Z_OK);
  Buffer packed(plain.size() * 2 + 1000);
  stream.next_in = const_cast<Bytef*>(plain.data());
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = packed.data();
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, finish);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

Buffer Pack(const Buffer& plain) {
  Buffer packed(ZSTD_compressBound(plain.size()));
  packed.resize(ZSTD_compress(packed.data(), packed.size(), plain.data(),
                              plain.size(), 3));
  return packed;
}

Buffer operator+(Buffer a, const Buffer& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

Buffer Head(const Buffer& whole, uint64_t size) {
  return Buffer(whole.begin(), whole.begin() + static_cast<int64_t>(size));
}

Buffer Tail(const Buffer& whole, uint64_t start) {
  return Buffer(whole.begin() + static_cast<int64_t>(start), whole.end());
}

ByteView View(const Buffer& bytes) {
  return {bytes.data(), bytes.size()};
}

class UnpackerTest : public ::testing::Test {
 protected:
  UnpackerTest() : unpacker_(*Unpacker::Create(arena_.arena()).value()) {}

  bool Inflates(const Buffer& packed) {
    std::fill(out_.begin(), out_.end(), uint8_t{0});
    const Status status = unpacker_.Inflate(View(packed), out());
    return Verdict(status);
  }
  bool Unzstds(const Buffer& packed) {
    std::fill(out_.begin(), out_.end(), uint8_t{0});
    const Status status = unpacker_.Zstd(View(packed), out());
    return Verdict(status);
  }

  const Buffer cluster_ = Text(kClusterBytes);
  const Buffer garbage_ = Buffer(700, 0xee);

 private:
  MutableBytes out() { return {out_.data(), out_.size()}; }
  bool Verdict(const Status& status) {
    if (status.ok()) {
      EXPECT_EQ(out_, cluster_);
    } else {
      EXPECT_EQ(status.error().fault, Fault::kCompressedData);
    }
    return status.ok();
  }

  fakes::TestArena arena_;
  Unpacker& unpacker_;
  Buffer out_ = Buffer(kClusterBytes);
};

TEST_F(UnpackerTest, InflatesAClusterAndIgnoresWhatFollowsTheStream) {
  EXPECT_TRUE(Inflates(Deflate(cluster_)));
  EXPECT_TRUE(Inflates(Deflate(cluster_) + garbage_));
  EXPECT_TRUE(Inflates(Deflate(cluster_) + Buffer(511, 0)));
}

TEST_F(UnpackerTest, InflatesAStreamThatGoesOnBehindTheCluster) {
  EXPECT_TRUE(Inflates(Deflate(cluster_ + Text(5000))));
}

TEST_F(UnpackerTest, InflatesAStreamWithoutAnEndOnceTheClusterIsFull) {
  EXPECT_TRUE(Inflates(Deflate(cluster_, Z_SYNC_FLUSH)));
}

TEST_F(UnpackerTest, RefusesADeflateStreamThatDoesNotFillTheCluster) {
  EXPECT_FALSE(Inflates(Deflate(Head(cluster_, kClusterBytes - 1))));
  EXPECT_FALSE(Inflates(Deflate(Head(cluster_, 10))));
  EXPECT_FALSE(Inflates({}));
  EXPECT_FALSE(Inflates(Buffer(512, 0)));
}

TEST_F(UnpackerTest, RefusesATruncatedDeflateStream) {
  const Buffer packed = Deflate(cluster_);
  for (uint64_t length = 0; length + 16 < packed.size(); length += 97) {
    EXPECT_FALSE(Inflates(Head(packed, length))) << length;
  }
}

TEST_F(UnpackerTest, SurvivesADamagedDeflateStream) {
  const Buffer packed = Deflate(cluster_);
  for (uint64_t i = 0; i < packed.size(); i += 131) {
    Buffer damaged = packed;
    damaged[i] ^= 0x55;
    Buffer out(kClusterBytes);
    fakes::TestArena arena;
    Unpacker& unpacker = *Unpacker::Create(arena.arena()).value();
    static_cast<void>(
        unpacker.Inflate(View(damaged), MutableBytes(out.data(), out.size()))
            .ok());
  }
}

TEST_F(UnpackerTest, UnpacksAZstdFrameAndIgnoresWhatFollowsIt) {
  EXPECT_TRUE(Unzstds(Pack(cluster_)));
  EXPECT_TRUE(Unzstds(Pack(cluster_) + garbage_));
}

TEST_F(UnpackerTest, UnpacksSeveralZstdFramesThatFillTheClusterTogether) {
  const Buffer both = Pack(Head(cluster_, 30000)) + Pack(Tail(cluster_, 30000));
  EXPECT_TRUE(Unzstds(both));
  EXPECT_TRUE(Unzstds(Pack({}) + both + garbage_));
}

TEST_F(UnpackerTest, RefusesAZstdFrameThatDoesNotEndWithTheCluster) {
  EXPECT_FALSE(Unzstds(Pack(cluster_ + Text(1))));
  EXPECT_FALSE(Unzstds(Pack(Head(cluster_, kClusterBytes - 1))));
  EXPECT_FALSE(Unzstds(Pack(Head(cluster_, 100)) + garbage_));
  EXPECT_FALSE(Unzstds({}));
  EXPECT_FALSE(Unzstds(garbage_));
}

TEST_F(UnpackerTest, RefusesATruncatedZstdFrame) {
  const Buffer packed = Pack(cluster_);
  for (uint64_t length = 0; length < packed.size(); length += 97) {
    EXPECT_FALSE(Unzstds(Head(packed, length))) << length;
  }
}

TEST_F(UnpackerTest, RefusesAZstdStreamWithAWindowAbove128MiB) {
  // RFC 8878, 3.1.1: no content size, a window of 1 << log; two runs of bytes.
  const auto frame = [](uint8_t window_log) {
    const Buffer magic = {0x28, 0xb5,
                          0x2f, 0xfd,
                          0x00, static_cast<uint8_t>((window_log - 10) << 3)};
    const auto run = [](uint32_t length, uint32_t last) {
      const uint32_t word = length << 3 | 2 | last;
      return Buffer{static_cast<uint8_t>(word), static_cast<uint8_t>(word >> 8),
                    static_cast<uint8_t>(word >> 16), 'a'};
    };
    return magic + run(60000, 0) + run(kClusterBytes - 60000, 1);
  };
  fakes::TestArena arena;
  Unpacker& unpacker = *Unpacker::Create(arena.arena()).value();
  Buffer out(kClusterBytes);
  const MutableBytes room(out.data(), out.size());
  EXPECT_TRUE(unpacker.Zstd(View(frame(27)), room).ok());
  EXPECT_FALSE(unpacker.Zstd(View(frame(28)), room).ok());
}

TEST_F(UnpackerTest, RefusesZstdFramesOfBeforeTheFormatWasFrozen) {
  Buffer packed = Pack(cluster_);
  for (uint8_t magic = 0x22; magic <= 0x27; ++magic) {
    packed[0] = magic;
    EXPECT_FALSE(Unzstds(packed));
  }
}

TEST(UnpackerCreateTest, NeedsMemory) {
  fakes::TestArena arena(16 * 1024);
  const auto unpacker = Unpacker::Create(arena.arena());
  ASSERT_FALSE(unpacker.ok());
  EXPECT_EQ(unpacker.error().fault, Fault::kNoMemory);
}

}  // namespace
}  // namespace instar::codec
