#include "compat/option_text.h"

namespace instar::compat {

const char* OptionText(Opt opt) {
  switch (opt) {
    case Opt::kHelp:
      return "prints this text";
    case Opt::kVersion:
      return "prints the version";
    case Opt::kTrace:
      return "accepted, and without effect";
    case Opt::kObject:
      return "defines an object, such as a secret";
    case Opt::kImageOpts:
      return "takes file names as lists of options";
    case Opt::kTargetImageOpts:
      return "takes the output's name as a list of options";
    case Opt::kFormat:
      return "format of the image; probed where it is left out";
    case Opt::kSecondFormat:
      return "format of the second image";
    case Opt::kTargetFormat:
      return "format of the output; raw where it is left out";
    case Opt::kOptions:
      return "options of the format, as a=b,c=d; 'help' lists them";
    case Opt::kCache:
      return "how written data is cached: none, writeback, …";
    case Opt::kSourceCache:
      return "how read data is cached: none, writeback, …";
    case Opt::kProgress:
      return "shows how far the work has come";
    case Opt::kQuiet:
      return "prints errors only";
    case Opt::kForceShare:
      return "reads an image that another program has open";
    case Opt::kForce:
      return "allows what may lock the image for good";
    case Opt::kOutput:
      return "form of the output: human or json";
    case Opt::kSnapshot:
      return "reads this snapshot instead of the present state";
    case Opt::kRateLimit:
      return "bytes a second at most";
    case Opt::kBacking:
      return "backing file of the image";
    case Opt::kBackingFormat:
      return "format of the backing file";
    case Opt::kBackingUnsafe:
      return "does not look at the backing file";
    case Opt::kCompress:
      return "compresses what is written";
    case Opt::kStrict:
      return "compares sizes and allocation as well";
    case Opt::kBackingChain:
      return "describes the backing files as well";
    case Opt::kLimits:
      return "shows the limits of requests";
    case Opt::kSize:
      return "size of the image to measure";
    case Opt::kRepair:
      return "repairs: leaks, or all";
    case Opt::kDrop:
      return "leaves the overlay as it is";
    case Opt::kBase:
      return "backing file to write into";
    case Opt::kShrink:
      return "allows to make the image smaller";
    case Opt::kPreallocation:
      return "how space is set aside for what is added";
    case Opt::kStartOffset:
      return "where to begin";
    case Opt::kMaxLength:
      return "how many bytes to look at";
    case Opt::kSparseSize:
      return "zeroes in a row that make a hole; 0: none";
    case Opt::kNoCreate:
      return "writes into an output that exists";
    case Opt::kParallel:
      return "requests at a time, 1 to 16";
    case Opt::kOutOfOrder:
      return "allows writes in any order";
    case Opt::kCopyOffloading:
      return "lets the kernel copy where it can";
    case Opt::kSalvage:
      return "reads what is unreadable as zeroes";
    case Opt::kTargetIsZero:
      return "the output reads as zeroes already (with -n)";
    case Opt::kBitmaps:
      return "copies persistent bitmaps as well";
    case Opt::kSkipBrokenBitmaps:
      return "leaves inconsistent bitmaps out";
    case Opt::kList:
      return "lists the snapshots";
    case Opt::kApply:
      return "goes back to a snapshot";
    case Opt::kCreate:
      return "makes a snapshot";
    case Opt::kDelete:
      return "deletes a snapshot";
    case Opt::kAdd:
      return "adds a bitmap";
    case Opt::kRemove:
      return "removes a bitmap";
    case Opt::kRemoveAll:
      return "removes every bitmap";
    case Opt::kClear:
      return "empties a bitmap";
    case Opt::kEnable:
      return "makes a bitmap record writes";
    case Opt::kDisable:
      return "stops a bitmap from recording writes";
    case Opt::kMerge:
      return "adds another bitmap's bits";
    case Opt::kGranularity:
      return "bytes that a bit stands for";
    case Opt::kSourceFile:
      return "image of the bitmap to merge";
    case Opt::kSourceFormat:
      return "format of that image";
    case Opt::kCount:
      return "number of requests";
    case Opt::kDepth:
      return "requests at a time";
    case Opt::kOffset:
      return "where the first request begins";
    case Opt::kBufferSize:
      return "bytes of a request";
    case Opt::kStepSize:
      return "bytes from one request to the next";
    case Opt::kWrite:
      return "writes instead of reading";
    case Opt::kAio:
      return "how requests are made: threads, native, io_uring";
    case Opt::kNative:
      return "the same as --aio native";
    case Opt::kFlushInterval:
      return "requests between two flushes";
    case Opt::kPattern:
      return "byte to write";
    case Opt::kNoDrain:
      return "does not wait before a flush";
  }
  return "";
}

}  // namespace instar::compat
