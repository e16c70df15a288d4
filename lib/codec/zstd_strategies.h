// The match finders of libzstd that are linked.
#pragma once

namespace instar::codec {

// The only strategy (ZSTD_strategy) that may be used.
int LinkedZstdStrategy();

}  // namespace instar::codec
