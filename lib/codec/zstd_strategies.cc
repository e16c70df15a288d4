// The match finders of libzstd that packing never uses, as far as the rest of
// its compressor names them. One is enough, that of the level which is used.
// Because this file defines the names, the linker does not take the real ones,
// 280 KiB, from libzstd.a.
#include "lib/codec/zstd_strategies.h"

#include <zstd.h>

#include "lib/base/result.h"

namespace instar::codec {

int LinkedZstdStrategy() {
  return ZSTD_dfast;
}

}  // namespace instar::codec

namespace {

[[noreturn]] void Refuse() {
  instar::Panic("a strategy of zstd that is not linked");
}

}  // namespace

// The names are libzstd's; none is ever called.
// NOLINTBEGIN(readability-identifier-naming)
#define UNUSED_STRATEGY(name) \
  extern "C" void name();     \
  extern "C" void name() {    \
    Refuse();                 \
  }

UNUSED_STRATEGY(ZSTD_compressBlock_fast)
UNUSED_STRATEGY(ZSTD_compressBlock_fast_dictMatchState)
UNUSED_STRATEGY(ZSTD_compressBlock_fast_extDict)
UNUSED_STRATEGY(ZSTD_fillHashTable)
UNUSED_STRATEGY(ZSTD_compressBlock_btlazy2)
UNUSED_STRATEGY(ZSTD_compressBlock_btlazy2_dictMatchState)
UNUSED_STRATEGY(ZSTD_compressBlock_btlazy2_extDict)
UNUSED_STRATEGY(ZSTD_compressBlock_greedy)
UNUSED_STRATEGY(ZSTD_compressBlock_greedy_dedicatedDictSearch)
UNUSED_STRATEGY(ZSTD_compressBlock_greedy_dedicatedDictSearch_row)
UNUSED_STRATEGY(ZSTD_compressBlock_greedy_dictMatchState)
UNUSED_STRATEGY(ZSTD_compressBlock_greedy_dictMatchState_row)
UNUSED_STRATEGY(ZSTD_compressBlock_greedy_extDict)
UNUSED_STRATEGY(ZSTD_compressBlock_greedy_extDict_row)
UNUSED_STRATEGY(ZSTD_compressBlock_greedy_row)
UNUSED_STRATEGY(ZSTD_compressBlock_lazy)
UNUSED_STRATEGY(ZSTD_compressBlock_lazy2)
UNUSED_STRATEGY(ZSTD_compressBlock_lazy2_dedicatedDictSearch)
UNUSED_STRATEGY(ZSTD_compressBlock_lazy2_dedicatedDictSearch_row)
UNUSED_STRATEGY(ZSTD_compressBlock_lazy2_dictMatchState)
UNUSED_STRATEGY(ZSTD_compressBlock_lazy2_dictMatchState_row)
UNUSED_STRATEGY(ZSTD_compressBlock_lazy2_extDict)
UNUSED_STRATEGY(ZSTD_compressBlock_lazy2_extDict_row)
UNUSED_STRATEGY(ZSTD_compressBlock_lazy2_row)
UNUSED_STRATEGY(ZSTD_compressBlock_lazy_dedicatedDictSearch)
UNUSED_STRATEGY(ZSTD_compressBlock_lazy_dedicatedDictSearch_row)
UNUSED_STRATEGY(ZSTD_compressBlock_lazy_dictMatchState)
UNUSED_STRATEGY(ZSTD_compressBlock_lazy_dictMatchState_row)
UNUSED_STRATEGY(ZSTD_compressBlock_lazy_extDict)
UNUSED_STRATEGY(ZSTD_compressBlock_lazy_extDict_row)
UNUSED_STRATEGY(ZSTD_compressBlock_lazy_row)
UNUSED_STRATEGY(ZSTD_dedicatedDictSearch_lazy_loadDictionary)
UNUSED_STRATEGY(ZSTD_insertAndFindFirstIndex)
UNUSED_STRATEGY(ZSTD_row_update)
UNUSED_STRATEGY(ZSTD_compressBlock_btopt)
UNUSED_STRATEGY(ZSTD_compressBlock_btopt_dictMatchState)
UNUSED_STRATEGY(ZSTD_compressBlock_btopt_extDict)
UNUSED_STRATEGY(ZSTD_compressBlock_btultra)
UNUSED_STRATEGY(ZSTD_compressBlock_btultra2)
UNUSED_STRATEGY(ZSTD_compressBlock_btultra_dictMatchState)
UNUSED_STRATEGY(ZSTD_compressBlock_btultra_extDict)
UNUSED_STRATEGY(ZSTD_updateTree)

#undef UNUSED_STRATEGY
// NOLINTEND(readability-identifier-naming)
