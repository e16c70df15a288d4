#include "compat/options.h"

namespace instar::compat {
namespace {

// The release that reworked the command line: most long names are its.
constexpr Version kRework{10, 1};
constexpr Version kAlways{};
constexpr Flavour kUpstream = Flavour::kUpstreamOnly;
constexpr Flavour kDebian = Flavour::kDebianOnly;

constexpr OptionRow kOptions[] = {
    {"", Opt::kHelp, 'h', "help", nullptr},
    {"", Opt::kVersion, 'V', "version", nullptr},
    {"", Opt::kTrace, 'T', "trace", "trace"},

    {"amend", Opt::kHelp, 'h', "help", nullptr},
    {"amend", Opt::kObject, 0, "object", "objectdef"},
    {"amend", Opt::kImageOpts, 0, "image-opts", nullptr},
    {"amend", Opt::kProgress, 'p', "progress", nullptr, kAlways, kRework},
    {"amend", Opt::kQuiet, 'q', "quiet", nullptr, kAlways, kRework},
    {"amend", Opt::kFormat, 'f', "format", "fmt", kAlways, kRework},
    {"amend", Opt::kCache, 't', "cache", "cache", kAlways, kRework},
    {"amend", Opt::kForce, 0, "force", nullptr},
    {"amend", Opt::kOptions, 'o', "options", "options", kAlways, kRework},

    {"bench", Opt::kHelp, 'h', "help", nullptr},
    {"bench", Opt::kObject, 0, "object", "objectdef", kRework},
    {"bench", Opt::kCount, 'c', "count", "count", kAlways, kRework},
    {"bench", Opt::kDepth, 'd', "depth", "depth", kAlways, kRework},
    {"bench", Opt::kFormat, 'f', "format", "fmt", kAlways, kRework},
    {"bench", Opt::kFlushInterval, 0, "flush-interval", "interval"},
    {"bench", Opt::kAio, 'i', "aio", "aio", kAlways, kRework},
    {"bench", Opt::kNative, 'n', "native", nullptr, kAlways, kRework},
    {"bench", Opt::kNoDrain, 0, "no-drain", nullptr},
    {"bench", Opt::kOffset, 'o', "offset", "offset", kAlways, kRework},
    {"bench", Opt::kPattern, 0, "pattern", "pattern"},
    {"bench", Opt::kQuiet, 'q', "quiet", nullptr, kAlways, kRework},
    {"bench", Opt::kBufferSize, 's', "buffer-size", "size", kAlways, kRework},
    {"bench", Opt::kStepSize, 'S', "step-size", "size", kAlways, kRework},
    {"bench", Opt::kCache, 't', "cache", "cache", kAlways, kRework},
    {"bench", Opt::kWrite, 'w', "write", nullptr, kAlways, kRework},
    {"bench", Opt::kImageOpts, 0, "image-opts", nullptr},
    {"bench", Opt::kForceShare, 'U', "force-share", nullptr},

    {"bitmap", Opt::kHelp, 'h', "help", nullptr},
    {"bitmap", Opt::kMerge, 0, "merge", "bitmap"},
    {"bitmap", Opt::kAdd, 0, "add", nullptr},
    {"bitmap", Opt::kRemove, 0, "remove", nullptr},
    {"bitmap", Opt::kRemoveAll, 0, "remove-all", nullptr, {11, 1}},
    {"bitmap", Opt::kClear, 0, "clear", nullptr},
    {"bitmap", Opt::kEnable, 0, "enable", nullptr},
    {"bitmap", Opt::kDisable, 0, "disable", nullptr},
    {"bitmap", Opt::kSourceFile, 'b', "source-file", "file"},
    {"bitmap", Opt::kSourceFormat, 'F', "source-format", "fmt"},
    {"bitmap", Opt::kGranularity, 'g', "granularity", "granularity"},
    {"bitmap", Opt::kObject, 0, "object", "objectdef"},
    {"bitmap", Opt::kImageOpts, 0, "image-opts", nullptr},
    {"bitmap", Opt::kFormat, 'f', "format", "fmt", kAlways, kRework},

    {"check", Opt::kHelp, 'h', "help", nullptr},
    {"check", Opt::kObject, 0, "object", "objectdef"},
    {"check", Opt::kImageOpts, 0, "image-opts", nullptr},
    {"check", Opt::kQuiet, 'q', "quiet", nullptr, kAlways, kRework},
    {"check", Opt::kFormat, 'f', "format", "fmt"},
    {"check", Opt::kOutput, 0, "output", "ofmt"},
    {"check", Opt::kRepair, 'r', "repair", "leaks|all"},
    {"check", Opt::kSourceCache, 'T', "cache", "src_cache", kAlways, kRework},
    {"check", Opt::kForceShare, 'U', "force-share", nullptr},
    {"check", Opt::kChain, 0, "chain", nullptr, kAlways, kAlways,
     Flavour::kOwn},

    {"commit", Opt::kHelp, 'h', "help", nullptr},
    {"commit", Opt::kObject, 0, "object", "objectdef"},
    {"commit", Opt::kImageOpts, 0, "image-opts", nullptr},
    {"commit", Opt::kQuiet, 'q', "quiet", nullptr, kAlways, kRework},
    {"commit", Opt::kFormat, 'f', "format", "fmt", kAlways, kRework},
    {"commit", Opt::kCache, 't', "cache", "cache", kAlways, kRework},
    {"commit", Opt::kBase, 'b', "base", "base", kAlways, kRework},
    {"commit", Opt::kRateLimit, 'r', "rate-limit", "rate", kAlways, kRework},
    {"commit", Opt::kDrop, 'd', "drop", nullptr, kAlways, kRework},
    {"commit", Opt::kProgress, 'p', "progress", nullptr, kAlways, kRework},

    {"compare", Opt::kHelp, 'h', "help", nullptr},
    {"compare", Opt::kObject, 0, "object", "objectdef"},
    {"compare", Opt::kImageOpts, 0, "image-opts", nullptr},
    {"compare", Opt::kFormat, 'f', "a-format", "fmt", kAlways, kRework},
    {"compare", Opt::kSecondFormat, 'F', "b-format", "fmt", kAlways, kRework},
    {"compare", Opt::kSourceCache, 'T', "cache", "src_cache", kAlways, kRework},
    {"compare", Opt::kProgress, 'p', "progress", nullptr, kAlways, kRework},
    {"compare", Opt::kQuiet, 'q', "quiet", nullptr, kAlways, kRework},
    {"compare", Opt::kStrict, 's', "strict", nullptr, kAlways, kRework},
    {"compare", Opt::kForceShare, 'U', "force-share", nullptr},

    {"convert", Opt::kHelp, 'h', "help", nullptr},
    {"convert", Opt::kObject, 0, "object", "objectdef"},
    {"convert", Opt::kImageOpts, 0, "image-opts", nullptr},
    {"convert", Opt::kTargetImageOpts, 0, "target-image-opts", nullptr},
    {"convert", Opt::kForceShare, 'U', "force-share", nullptr},
    {"convert", Opt::kCopyOffloading, 'C', "copy-range-offloading", nullptr,
     kAlways, kRework},
    {"convert", Opt::kCompress, 'c', nullptr, nullptr},
    {"convert", Opt::kProgress, 'p', "progress", nullptr, kAlways, kRework},
    {"convert", Opt::kQuiet, 'q', "quiet", nullptr, kAlways, kRework},
    {"convert", Opt::kNoCreate, 'n', "no-create", nullptr, kAlways, kRework},
    {"convert", Opt::kTargetIsZero, 0, "target-is-zero", nullptr},
    {"convert", Opt::kBitmaps, 0, "bitmaps", nullptr},
    {"convert",
     Opt::kSkipBrokenBitmaps,
     0,
     "skip-broken-bitmaps",
     nullptr,
     {6, 1}},
    {"convert", Opt::kFormat, 'f', "source-format", "fmt", kAlways, kRework},
    {"convert", Opt::kCache, 't', "target-cache", "cache", kAlways, kRework},
    {"convert", Opt::kSourceCache, 'T', "source-cache", "src_cache", kAlways,
     kRework},
    {"convert", Opt::kTargetFormat, 'O', "target-format", "output_fmt", kAlways,
     kRework},
    {"convert", Opt::kBacking, 'B', "backing", "backing_file", kAlways,
     kRework},
    {"convert", Opt::kBacking, 'b', nullptr, "backing_file", kRework, kAlways,
     kUpstream},
    {"convert",
     Opt::kBackingFormat,
     'F',
     "backing-format",
     "backing_fmt",
     {6, 2},
     kRework},
    {"convert", Opt::kOptions, 'o', nullptr, "options"},
    {"convert", Opt::kOptions, 0, "target-format-options", "options", kRework,
     kAlways, kUpstream},
    {"convert", Opt::kOptions, 0, "target-options", "options", kRework, kAlways,
     kDebian},
    {"convert", Opt::kSnapshot, 'l', nullptr, "snapshot_param"},
    {"convert", Opt::kSnapshot, 0, "snapshot", "snapshot_param", kRework,
     kAlways, kUpstream},
    {"convert", Opt::kSnapshot, 0, "source-snapshot", "snapshot_param", kRework,
     kAlways, kDebian},
    {"convert", Opt::kSparseSize, 'S', "sparse-size", "sparse_size", kAlways,
     kRework},
    {"convert", Opt::kRateLimit, 'r', nullptr, "rate_limit"},
    {"convert", Opt::kRateLimit, 0, "rate-limit", "rate_limit", kRework,
     kAlways, kUpstream},
    {"convert", Opt::kRateLimit, 0, "rate", "rate_limit", kRework, kAlways,
     kDebian},
    {"convert", Opt::kParallel, 'm', "parallel", "num_coroutines", kAlways,
     kRework},
    {"convert", Opt::kOutOfOrder, 'W', "oob-writes", nullptr, kAlways, kRework},
    {"convert", Opt::kSalvage, 0, "salvage", nullptr},

    {"create", Opt::kHelp, 'h', "help", nullptr},
    {"create", Opt::kObject, 0, "object", "objectdef"},
    {"create", Opt::kQuiet, 'q', "quiet", nullptr, kAlways, kRework},
    {"create", Opt::kFormat, 'f', "format", "fmt", kAlways, kRework},
    {"create", Opt::kBacking, 'b', "backing", "backing_file", kAlways, kRework},
    {"create", Opt::kBackingFormat, 'F', "backing-format", "backing_fmt",
     kAlways, kRework},
    {"create", Opt::kBackingFormat, 'B', nullptr, "backing_fmt", kRework,
     kAlways, kUpstream},
    {"create", Opt::kBackingUnsafe, 'u', "backing-unsafe", nullptr, kAlways,
     kRework},
    {"create", Opt::kOptions, 'o', "options", "options", kAlways, kRework},

    {"dd", Opt::kHelp, 'h', "help", nullptr},
    {"dd", Opt::kObject, 0, "object", "objectdef"},
    {"dd", Opt::kImageOpts, 0, "image-opts", nullptr},
    {"dd", Opt::kForceShare, 'U', "force-share", nullptr},
    {"dd", Opt::kFormat, 'f', "format", "fmt", kAlways, kRework},
    {"dd", Opt::kTargetFormat, 'O', "output-format", "output_fmt", kAlways,
     kRework},
    {"dd", Opt::kNoCreate, 'n', nullptr, nullptr, kAlways, kAlways,
     Flavour::kOwn},
    {"dd", Opt::kSnapshot, 'l', nullptr, "snapshot_param", kAlways, kAlways,
     Flavour::kOwn},

    {"info", Opt::kHelp, 'h', "help", nullptr},
    {"info", Opt::kObject, 0, "object", "objectdef"},
    {"info", Opt::kImageOpts, 0, "image-opts", nullptr},
    {"info", Opt::kFormat, 'f', "format", "fmt"},
    {"info", Opt::kOutput, 0, "output", "ofmt"},
    {"info", Opt::kBackingChain, 0, "backing-chain", nullptr},
    {"info", Opt::kBackingChain, 'b', nullptr, nullptr, kRework, kAlways,
     kDebian},
    {"info", Opt::kLimits, 0, "limits", nullptr, {10, 2}},
    {"info", Opt::kCache, 't', "cache", "cache", {10, 2}},
    {"info", Opt::kForceShare, 'U', "force-share", nullptr},

    {"map", Opt::kHelp, 'h', "help", nullptr},
    {"map", Opt::kObject, 0, "object", "objectdef"},
    {"map", Opt::kImageOpts, 0, "image-opts", nullptr},
    {"map", Opt::kFormat, 'f', "format", "fmt"},
    {"map", Opt::kStartOffset, 's', "start-offset", "offset"},
    {"map", Opt::kMaxLength, 'l', "max-length", "len"},
    {"map", Opt::kOutput, 0, "output", "ofmt"},
    {"map", Opt::kForceShare, 'U', "force-share", nullptr},

    {"measure", Opt::kHelp, 'h', "help", nullptr},
    {"measure", Opt::kOutput, 0, "output", "ofmt"},
    {"measure", Opt::kTargetFormat, 'O', "target-format", "output_fmt", kAlways,
     kRework},
    {"measure", Opt::kOptions, 'o', "options", "options", kAlways, kRework},
    {"measure", Opt::kOptions, 0, "target-format-options", "options", kRework,
     kAlways, kUpstream},
    {"measure", Opt::kSize, 0, "size", "N"},
    {"measure", Opt::kSize, 's', nullptr, "N", kRework},
    {"measure", Opt::kObject, 0, "object", "objectdef"},
    {"measure", Opt::kImageOpts, 0, "image-opts", nullptr},
    {"measure", Opt::kImageOpts, 0, "source-image-opts", nullptr, kRework},
    {"measure", Opt::kForceShare, 'U', "force-share", nullptr},
    {"measure", Opt::kFormat, 'f', "format", "fmt", kAlways, kRework},
    {"measure", Opt::kFormat, 0, "source-format", "fmt", kRework},
    {"measure", Opt::kSnapshot, 'l', "snapshot", "snapshot_param", kAlways,
     kRework},

    {"rebase", Opt::kHelp, 'h', "help", nullptr},
    {"rebase", Opt::kObject, 0, "object", "objectdef"},
    {"rebase", Opt::kImageOpts, 0, "image-opts", nullptr},
    {"rebase", Opt::kForceShare, 'U', "force-share", nullptr},
    {"rebase", Opt::kQuiet, 'q', "quiet", nullptr, kAlways, kRework},
    {"rebase", Opt::kFormat, 'f', "format", "fmt", kAlways, kRework},
    {"rebase", Opt::kCache, 't', "cache", "cache", kAlways, kRework},
    {"rebase", Opt::kSourceCache, 'T', "backing-cache", "src_cache", kAlways,
     kRework},
    {"rebase", Opt::kProgress, 'p', "progress", nullptr, kAlways, kRework},
    {"rebase", Opt::kBackingUnsafe, 'u', "backing-unsafe", nullptr, kAlways,
     kRework},
    {"rebase", Opt::kCompress, 'c', "compress", nullptr, {8, 2}},
    {"rebase", Opt::kBacking, 'b', "backing", "backing_file", kAlways, kRework},
    {"rebase", Opt::kBackingFormat, 'F', "backing-format", "backing_fmt",
     kAlways, kRework},
    {"rebase", Opt::kBackingFormat, 'B', nullptr, "backing_fmt", kRework,
     kAlways, kUpstream},

    {"resize", Opt::kHelp, 'h', "help", nullptr},
    {"resize", Opt::kObject, 0, "object", "objectdef"},
    {"resize", Opt::kImageOpts, 0, "image-opts", nullptr},
    {"resize", Opt::kFormat, 'f', "format", "fmt", kAlways, kRework},
    {"resize", Opt::kPreallocation, 0, "preallocation", "prealloc"},
    {"resize", Opt::kQuiet, 'q', "quiet", nullptr, kAlways, kRework},
    {"resize", Opt::kShrink, 0, "shrink", nullptr},

    {"snapshot", Opt::kHelp, 'h', "help", nullptr},
    {"snapshot", Opt::kObject, 0, "object", "objectdef"},
    {"snapshot", Opt::kImageOpts, 0, "image-opts", nullptr},
    {"snapshot", Opt::kForceShare, 'U', "force-share", nullptr},
    {"snapshot", Opt::kQuiet, 'q', "quiet", nullptr, kAlways, kRework},
    {"snapshot", Opt::kFormat, 'f', "format", "fmt", kRework},
    {"snapshot", Opt::kList, 'l', "list", nullptr, kAlways, kRework},
    {"snapshot", Opt::kApply, 'a', "apply", "snapshot", kAlways, kRework},
    {"snapshot", Opt::kCreate, 'c', "create", "snapshot", kAlways, kRework},
    {"snapshot", Opt::kDelete, 'd', "delete", "snapshot", kAlways, kRework},
};

constexpr bool Has(const Version& since, const Profile& profile) {
  return since <= profile.version ||
         (since == kRework && profile.version.debian);
}

constexpr bool Overlap(Flavour a, Flavour b) {
  return a == b || a == Flavour::kAll || b == Flavour::kAll;
}

// No two rows of a command claim the same letter or name in one version.
constexpr bool NoDuplicates() {
  for (const OptionRow& a : kOptions) {
    for (const OptionRow& b : kOptions) {
      if (&a == &b || a.command != b.command)
        continue;
      if (!Overlap(a.flavour, b.flavour))
        continue;
      if (a.until.major != 0 || b.until.major != 0)
        continue;
      if (a.letter != 0 && a.letter == b.letter)
        return false;
      if (a.name != nullptr && b.name != nullptr &&
          std::string_view(a.name) == b.name)
        return false;
    }
  }
  return true;
}
static_assert(NoDuplicates());

}  // namespace

std::span<const OptionRow> AllOptions() {
  return kOptions;
}

std::vector<OptionRow> OptionsOf(std::string_view command,
                                 const Profile& profile) {
  std::vector<OptionRow> rows;
  for (OptionRow row : kOptions) {
    if (row.command != command || !Has(row.since, profile))
      continue;
    if (row.until.major != 0 && profile.version >= row.until)
      continue;
    if (row.flavour == kUpstream && profile.version.debian)
      continue;
    if (row.flavour == kDebian && !profile.version.debian)
      continue;
    if (row.flavour == Flavour::kOwn && !profile.has_own_features)
      continue;
    if (!Has(row.name_since, profile))
      row.name = nullptr;
    rows.push_back(row);
  }
  return rows;
}

}  // namespace instar::compat
