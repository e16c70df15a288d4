#include "lib/format/signatures.h"

#include "lib/base/checked.h"

namespace instar {
namespace {

constexpr int kSure = 100;
constexpr int kGuess = 2;  // more than raw's 1

int Score(bool matches) {
  return matches ? kSure : 0;
}

bool Has(ByteView head, uint64_t offset, ByteView bytes) {
  const auto slice = head.Slice(offset, bytes.size());
  return slice.ok() && slice.value().Equals(bytes);
}

template <typename F>
bool HasNumber(ByteView head, uint64_t offset, typename F::Value wanted) {
  const auto number = head.At<F>(offset);
  return number.ok() && number.value() == wanted;
}

// QEMU's block/qcow.c format: the magic of qcow2 with version 1.
int ProbeQcow(ByteView head, ByteView) {
  return Score(Has(head, 0, ByteView::Of("QFI\xfb")) &&
               HasNumber<Be32>(head, 4, 1));
}

// docs/interop/qed_spec.txt, "Header".
int ProbeQed(ByteView head, ByteView) {
  return Score(Has(head, 0, ByteView::Of("QED\0")));
}

// The rest of `text` behind its first line; empty: there is no further line.
ByteView SkipLine(ByteView text) {
  for (uint64_t i = 0; i < text.size(); ++i) {
    if (HasNumber<U8>(text, i, '\n')) {
      return text.Slice(i + 1, text.size() - i - 1).value();
    }
  }
  return {};
}

// A line of nothing but blanks.
bool IsBlankLine(ByteView text) {
  for (uint64_t i = 0; i < text.size(); ++i) {
    if (HasNumber<U8>(text, i, '\n')) {
      return true;
    }
    if (!HasNumber<U8>(text, i, ' ')) {
      const bool carriage_return = HasNumber<U8>(text, i, '\r');
      return carriage_return && HasNumber<U8>(text, i + 1, '\n');
    }
  }
  return false;
}

bool IsVersionLine(ByteView text) {
  if (!text.StartsWith(ByteView::Of("version="))) {
    return false;
  }
  const auto digit = text.At<U8>(8);
  if (!digit.ok() || digit.value() < '1' || digit.value() > '3') {
    return false;
  }
  return HasNumber<U8>(text, 9, '\n') || Has(text, 9, ByteView::Of("\r\n"));
}

// VMware Virtual Disk Format 1.1: the sparse extents' magics, or a descriptor
// whose first line that says anything is its version.
int ProbeVmdk(ByteView head, ByteView) {
  if (Has(head, 0, ByteView::Of("KDMV")) ||
      Has(head, 0, ByteView::Of("COWD"))) {
    return kSure;
  }
  ByteView text = head;
  for (uint64_t line = 0; line < head.size() && !text.empty(); ++line) {
    if (!HasNumber<U8>(text, 0, '#') && !IsBlankLine(text)) {
      return Score(IsVersionLine(text));
    }
    text = SkipLine(text);
  }
  return 0;
}

// VDI: the signature behind the 64 bytes of text.
int ProbeVdi(ByteView head, ByteView) {
  return Score(HasNumber<Le32>(head, 0x40, 0xbeda107f));
}

// MS-VHDX 2.2.1, "File Type Identifier".
int ProbeVhdx(ByteView head, ByteView) {
  return Score(Has(head, 0, ByteView::Of("vhdxfile")));
}

// The copy of the footer that dynamic disks begin with; fixed disks have none.
int ProbeVpc(ByteView head, ByteView) {
  return Score(Has(head, 0, ByteView::Of("conectix")));
}

// docs/interop/parallels.txt, "Header": both magics, version 2.
int ProbeParallels(ByteView head, ByteView) {
  const bool magic = Has(head, 0, ByteView::Of("WithoutFreeSpace")) ||
                     Has(head, 0, ByteView::Of("WithouFreSpacExt"));
  return Score(magic && HasNumber<Le32>(head, 16, 2));
}

// LUKS1 On-Disk Format Specification, "phdr".
int ProbeLuks(ByteView head, ByteView) {
  return Score(Has(head, 0, ByteView::Of("LUKS\xba\xbe")) &&
               HasNumber<Be16>(head, 6, 1));
}

// Bochs' growing disks: magic, type, subtype, version.
int ProbeBochs(ByteView head, ByteView) {
  const bool version =
      HasNumber<Le32>(head, 64, 0x10000) || HasNumber<Le32>(head, 64, 0x20000);
  return Score(Has(head, 0, ByteView::Of("Bochs Virtual HD Image\0")) &&
               Has(head, 32, ByteView::Of("Redolog\0")) &&
               Has(head, 48, ByteView::Of("Growing\0")) && version);
}

// A shell script that mounts itself.
int ProbeCloop(ByteView head, ByteView) {
  return Has(head, 0, ByteView::Of("#!/bin/sh\n#V2.0 Format\n")) ? kGuess : 0;
}

// The one format that is told by the file's name.
int ProbeDmg(ByteView, ByteView filename) {
  const ByteView ending = ByteView::Of(".dmg");
  return filename.size() > ending.size() &&
                 Has(filename, filename.size() - ending.size(), ending)
             ? kGuess
             : 0;
}

struct Row {
  const char* name;
  int (*probe)(ByteView head, ByteView filename);
  bool decisive;
};

constinit const Row kRows[] = {
    {"qcow", &ProbeQcow, true},
    {"qed", &ProbeQed, true},
    {"vmdk", &ProbeVmdk, true},
    {"vdi", &ProbeVdi, false},
    {"vhdx", &ProbeVhdx, false},
    {"vpc", &ProbeVpc, false},
    {"parallels", &ProbeParallels, true},
    {"luks", &ProbeLuks, true},
    {"bochs", &ProbeBochs, true},
    {"cloop", &ProbeCloop, false},
    {"dmg", &ProbeDmg, false},
};

}  // namespace

ByteView FindSignature(ByteView head, ByteView filename, int& score) {
  const Row* surest = nullptr;
  score = 0;
  for (const Row& row : kRows) {
    const int own = row.probe(head, filename);
    if (own > score) {
      score = own;
      surest = &row;
    }
  }
  return surest == nullptr ? ByteView() : ByteView::OfString(surest->name);
}

bool ContradictsName(ByteView head, ByteView filename, ByteView name) {
  for (const Row& row : kRows) {
    if (ByteView::OfString(row.name).Equals(name)) {
      return row.decisive && row.probe(head, filename) == 0;
    }
  }
  return false;
}

}  // namespace instar
