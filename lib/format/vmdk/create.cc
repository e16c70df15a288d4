#include "lib/format/vmdk/create.h"

#include "lib/base/checked.h"
#include "lib/format/chain.h"
#include "lib/format/vmdk/create_extent.h"
#include "lib/format/vmdk/descriptor_text.h"
#include "lib/format/vmdk/layout.h"

namespace instar::vmdk {
namespace {

// A file of a split image holds so much of the disk.
constexpr uint64_t kSplitBytes = uint64_t{2} << 30;

// More files than any host lets us open; bounds the descriptor.
constexpr uint64_t kMaxFiles = 4096;

// Of a text without its extent lines and what the user gave, and of such a line
// without its name.
constexpr uint64_t kFixedTextBytes = 1024;
constexpr uint64_t kFixedLineBytes = 48;

// The geometry that goes with most adapters, and with IDE.
constexpr uint64_t kTrackSectors = 63;
constexpr uint64_t kHeads = 255;
constexpr uint64_t kIdeHeads = 16;

constexpr uint32_t kNoParentCid = ~uint32_t{0};

struct Subformat {
  const char* name;
  bool flat;
  bool split;

  // The disk is in files of its own, beside that with the descriptor.
  bool has_files() const { return flat || split; }
};

Subformat SubformatOf(VmdkSubformat subformat) {
  switch (subformat) {
    case VmdkSubformat::kMonolithicFlat:
      return {"monolithicFlat", true, false};
    case VmdkSubformat::kTwoGbMaxExtentSparse:
      return {"twoGbMaxExtentSparse", false, true};
    case VmdkSubformat::kTwoGbMaxExtentFlat:
      return {"twoGbMaxExtentFlat", true, true};
    case VmdkSubformat::kStreamOptimized:
      return {"streamOptimized", false, false};
    case VmdkSubformat::kMonolithicSparse:
      break;
  }
  return {"monolithicSparse", false, false};
}

ByteView Either(ByteView text, const char* fallback) {
  return text.empty() ? ByteView::OfString(fallback) : text;
}

class Creation {
 public:
  Creation(Arena& arena, const TargetFiles& files, const CreateOptions& options)
      : arena_(arena),
        files_(files),
        options_(options),
        subformat_(SubformatOf(options.vmdk.subformat)),
        size_(AlignDown(options.size + kSectorBytes - 1, kSectorBytes)),
        num_files_(DivRoundUp(size_, FileBytes())),
        text_({}) {}

  Status Run();

 private:
  uint64_t FileBytes() const {
    return subformat_.split ? kSplitBytes : Max(size_, 1);
  }
  Status ReadParent();
  Status MakeText();
  Status AddHead();
  Status AddExtents();
  Status AddExtent(uint64_t index, uint64_t bytes);
  Status AddLine(uint64_t bytes, ByteView name);
  Status AddDatabase();
  Status AddValue(const char* key, ByteView value);
  Status AddValue(const char* key, uint64_t value);
  Status MakeFile(ByteView name, uint64_t bytes);
  Status WriteText();

  Arena& arena_;
  const TargetFiles& files_;
  const CreateOptions& options_;
  const Subformat subformat_;
  const uint64_t size_;       // whole sectors
  const uint64_t num_files_;  // of those that the disk is split into
  uint32_t parent_cid_ = kNoParentCid;
  TextWriter text_;
};

// The descriptor is written last, so that a file that is not finished is no
// image.
Status Creation::Run() {
  TRY(ReadParent());
  if (!subformat_.has_files()) {
    TRY(CreateSparseExtent(arena_, *files_.file, size_, options_.vmdk));
  }
  TRY(MakeText());
  TRY(AddHead());
  TRY(AddExtents());
  TRY(AddDatabase());
  return WriteText();
}

// Whatever its format was said to be: it is looked at.
Status Creation::ReadParent() {
  if (options_.backing_file.empty()) {
    return {};
  }
  File* file =
      TRY(files_.opener->Open(*files_.file, ReferenceRole::kBacking,
                              options_.backing_file, ByteView::Of("vmdk")));
  const Image* parent = TRY(OpenImage(arena_, *file, {}, options_.backing_file,
                                      *files_.opener, {.info_only = true}));
  const ImageFacts& facts = parent->facts();
  if (facts.vmdk == nullptr) {
    return Error{.fault = Fault::kVmdkBackingFormat,
                 .text = facts.format.data(),
                 .text_bytes = static_cast<uint32_t>(facts.format.size())};
  }
  parent_cid_ = facts.vmdk->cid;
  return {};
}

Status Creation::MakeText() {
  const VmdkCreateOptions& vmdk = options_.vmdk;
  const uint64_t lines = num_files_ * (kFixedLineBytes + vmdk.file_name.size());
  const uint64_t values = vmdk.adapter_type.size() +
                          vmdk.hardware_version.size() +
                          vmdk.tools_version.size();
  text_ = TextWriter(TRY(arena_.Allocate(kFixedTextBytes + lines + values +
                                         options_.backing_file.size())));
  return {};
}

Status Creation::AddHead() {
  const uint32_t cid = TRY(options_.random.At<Le32>(0));
  TRY(text_.Add(ByteView::Of("# Disk DescriptorFile\nversion=1\nCID=")));
  TRY(text_.AddHexadecimal(cid));
  TRY(text_.Add(ByteView::Of("\nparentCID=")));
  TRY(text_.AddHexadecimal(parent_cid_));
  TRY(text_.Add(ByteView::Of("\ncreateType=\"")));
  TRY(text_.Add(ByteView::OfString(subformat_.name)));
  if (!options_.backing_file.empty()) {
    TRY(text_.Add(ByteView::Of("\"\nparentFileNameHint=\"")));
    TRY(text_.Add(options_.backing_file));
    TRY(text_.Add(ByteView::Of("\"")));
  } else {
    TRY(text_.Add(ByteView::Of("\"\n")));
  }
  return text_.Add(ByteView::Of("\n# Extent description\n"));
}

Status Creation::AddExtents() {
  if (!subformat_.has_files()) {
    return AddLine(size_, options_.vmdk.file_name);
  }
  for (uint64_t i = 0; i < num_files_; ++i) {
    TRY(AddExtent(i + 1, Min(size_ - i * FileBytes(), FileBytes())));
  }
  return {};
}

// The file's name is that of the image with something before its extension.
Status Creation::AddExtent(uint64_t index, uint64_t bytes) {
  const ByteView base = options_.vmdk.file_name;
  uint64_t dot = base.size();
  for (uint64_t i = 0; i < base.size(); ++i) {
    const uint8_t byte = TRY(base.At<U8>(i));
    dot = byte == '.' ? i : dot;
  }
  const MutableBytes room = TRY(arena_.Allocate(base.size() + kFixedLineBytes));
  TextWriter name(room);
  TRY(name.Add(base.Prefix(dot)));
  if (subformat_.split) {
    TRY(name.Add(subformat_.flat ? ByteView::Of("-f") : ByteView::Of("-s")));
    TRY(name.AddDecimal(index, 3));
  } else {
    TRY(name.Add(ByteView::Of("-flat")));
  }
  const ByteView extension = TRY(base.Slice(dot, base.size() - dot));
  TRY(name.Add(extension));
  TRY(AddLine(bytes, name.text()));
  return MakeFile(name.text(), bytes);
}

Status Creation::MakeFile(ByteView name, uint64_t bytes) {
  File* file = TRY(files_.opener->Open(*files_.file,
                                       ReferenceRole::kTargetExtent, name, {}));
  return subformat_.flat
             ? CreateFlatExtent(*file, bytes)
             : CreateSparseExtent(arena_, *file, bytes, options_.vmdk);
}

Status Creation::AddLine(uint64_t bytes, ByteView name) {
  TRY(text_.Add(ByteView::Of("RW ")));
  TRY(text_.AddDecimal(bytes / kSectorBytes));
  TRY(text_.Add(subformat_.flat ? ByteView::Of(" FLAT \"")
                                : ByteView::Of(" SPARSE \"")));
  TRY(text_.Add(name));
  return text_.Add(subformat_.flat ? ByteView::Of("\" 0\n")
                                   : ByteView::Of("\"\n"));
}

Status Creation::AddDatabase() {
  const VmdkCreateOptions& vmdk = options_.vmdk;
  const ByteView adapter = Either(vmdk.adapter_type, "ide");
  const uint64_t heads =
      adapter.Equals(ByteView::Of("ide")) ? kIdeHeads : kHeads;
  TRY(text_.Add(ByteView::Of("\n# The Disk Data Base\n#DDB\n\n")));
  TRY(AddValue("virtualHWVersion",
               Either(vmdk.hardware_version, vmdk.compat6 ? "6" : "4")));
  TRY(AddValue("geometry.cylinders",
               size_ / (kTrackSectors * heads * kSectorBytes)));
  TRY(AddValue("geometry.heads", heads));
  TRY(AddValue("geometry.sectors", kTrackSectors));
  TRY(AddValue("adapterType", adapter));
  return vmdk.writes_tools_version
             ? AddValue("toolsVersion",
                        Either(vmdk.tools_version, "2147483647"))
             : Status();
}

Status Creation::AddValue(const char* key, ByteView value) {
  TRY(text_.Add(ByteView::Of("ddb.")));
  TRY(text_.Add(ByteView::OfString(key)));
  TRY(text_.Add(ByteView::Of(" = \"")));
  TRY(text_.Add(value));
  return text_.Add(ByteView::Of("\"\n"));
}

Status Creation::AddValue(const char* key, uint64_t value) {
  constexpr uint64_t kMaxDigits = 20;
  uint8_t digits[kMaxDigits];
  TextWriter number(MutableBytes(digits, kMaxDigits));
  TRY(number.AddDecimal(value));
  return AddValue(key, number.text());
}

Status Creation::WriteText() {
  const ByteView text = text_.text();
  if (subformat_.has_files()) {
    return files_.file->WriteAt(0, text);
  }
  if (text.size() > kEmbeddedDescriptorBytes) {
    return Error{.fault = Fault::kVmdkDescriptorTooLarge,
                 .value = kEmbeddedDescriptorBytes};
  }
  return files_.file->WriteAt(kEmbeddedDescriptorOffset, text);
}

}  // namespace

Status ValidateOptions(const CreateOptions& options) {
  const bool split = SubformatOf(options.vmdk.subformat).split;
  if (split && options.size / kSplitBytes >= kMaxFiles) {
    return Error{.fault = Fault::kVmdkTooManyExtents, .value = kMaxFiles};
  }
  return {};
}

Status CreateImage(Arena& arena, const TargetFiles& files,
                   const CreateOptions& options) {
  TRY(ValidateOptions(options));
  return Creation(arena, files, options).Run();
}

}  // namespace instar::vmdk
