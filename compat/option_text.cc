#include "compat/option_text.h"

namespace instar::compat {
namespace {

struct Row {
  Opt opt;
  const char* text;
};

constexpr Row kRows[] = {
    {Opt::kHelp, "prints this text"},
    {Opt::kVersion, "prints the version"},
    {Opt::kTrace, "accepted, and without effect"},
    {Opt::kObject, "defines an object, such as a secret"},
    {Opt::kImageOpts, "takes file names as lists of options"},
    {Opt::kTargetImageOpts, "takes the output's name as a list of options"},
    {Opt::kFormat, "format of the image; probed where it is left out"},
    {Opt::kSecondFormat, "format of the second image"},
    {Opt::kTargetFormat, "format of the output; raw where it is left out"},
    {Opt::kOptions, "options of the format, as a=b,c=d; 'help' lists them"},
    {Opt::kCache, "how written data is cached: none, writeback, …"},
    {Opt::kSourceCache, "how read data is cached: none, writeback, …"},
    {Opt::kProgress, "shows how far the work has come"},
    {Opt::kQuiet, "prints errors only"},
    {Opt::kForceShare, "reads an image that another program has open"},
    {Opt::kForce, "allows what may lock the image for good"},
    {Opt::kOutput, "form of the output: human or json"},
    {Opt::kSnapshot, "reads this snapshot instead of the present state"},
    {Opt::kRateLimit, "bytes a second at most"},
    {Opt::kBacking, "backing file of the image"},
    {Opt::kBackingFormat, "format of the backing file"},
    {Opt::kBackingUnsafe, "does not look at the backing file"},
    {Opt::kCompress, "compresses what is written"},
    {Opt::kStrict, "compares sizes and allocation as well"},
    {Opt::kBackingChain, "describes the backing files as well"},
    {Opt::kChain, "checks the backing files as well"},
    {Opt::kLimits, "shows the limits of requests"},
    {Opt::kSize, "size of the image to measure"},
    {Opt::kRepair, "repairs: leaks, or all"},
    {Opt::kDrop, "leaves the overlay as it is"},
    {Opt::kBase, "backing file to write into"},
    {Opt::kShrink, "allows to make the image smaller"},
    {Opt::kPreallocation, "how space is set aside for what is added"},
    {Opt::kStartOffset, "where to begin"},
    {Opt::kMaxLength, "how many bytes to look at"},
    {Opt::kSparseSize, "zeroes in a row that make a hole; 0: none"},
    {Opt::kNoCreate, "writes into an output that exists"},
    {Opt::kParallel, "requests at a time, 1 to 16"},
    {Opt::kOutOfOrder, "allows writes in any order"},
    {Opt::kCopyOffloading, "lets the kernel copy where it can"},
    {Opt::kSalvage, "reads what is unreadable as zeroes"},
    {Opt::kTargetIsZero, "the output reads as zeroes already (with -n)"},
    {Opt::kBitmaps, "copies persistent bitmaps as well"},
    {Opt::kSkipBrokenBitmaps, "leaves inconsistent bitmaps out"},
    {Opt::kList, "lists the snapshots"},
    {Opt::kApply, "goes back to a snapshot"},
    {Opt::kCreate, "makes a snapshot"},
    {Opt::kDelete, "deletes a snapshot"},
    {Opt::kAdd, "adds a bitmap"},
    {Opt::kRemove, "removes a bitmap"},
    {Opt::kRemoveAll, "removes every bitmap"},
    {Opt::kClear, "empties a bitmap"},
    {Opt::kEnable, "makes a bitmap record writes"},
    {Opt::kDisable, "stops a bitmap from recording writes"},
    {Opt::kMerge, "adds another bitmap's bits"},
    {Opt::kGranularity, "bytes that a bit stands for"},
    {Opt::kSourceFile, "image of the bitmap to merge"},
    {Opt::kSourceFormat, "format of that image"},
    {Opt::kCount, "number of requests"},
    {Opt::kDepth, "requests at a time"},
    {Opt::kOffset, "where the first request begins"},
    {Opt::kBufferSize, "bytes of a request"},
    {Opt::kStepSize, "bytes from one request to the next"},
    {Opt::kWrite, "writes instead of reading"},
    {Opt::kAio, "how requests are made: threads, native, io_uring"},
    {Opt::kNative, "the same as --aio native"},
    {Opt::kFlushInterval, "requests between two flushes"},
    {Opt::kPattern, "byte to write"},
    {Opt::kNoDrain, "does not wait before a flush"},
};

}  // namespace

const char* OptionText(Opt opt) {
  for (const Row& row : kRows) {
    if (row.opt == opt)
      return row.text;
  }
  return "";
}

}  // namespace instar::compat
