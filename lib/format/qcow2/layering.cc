// qcow2 images as layers of a chain.
#include "lib/format/layering.h"

#include "lib/base/checked.h"
#include "lib/base/errno.h"
#include "lib/format/qcow2/emptying.h"
#include "lib/format/qcow2/metadata.h"

namespace instar::qcow2 {
namespace {

constexpr uint8_t kName[] = {'q', 'c', 'o', 'w', '2'};
constexpr uint64_t kMaxBackingNameBytes = 1023;  // qcow2.txt, "Header"

Status Check(Arena& arena, File& file) {
  Metadata metadata(arena, file);
  TRY(metadata.Open(1));
  return CheckWritable(metadata.header);
}

Status Link(Arena& arena, File& file, const BackingLink& link) {
  Metadata metadata(arena, file);
  TRY(metadata.Open(1));
  const bool is_raw_data =
      (metadata.header.autoclear & kAutoclearRawDataFile) != 0;
  if (link.name.size() > kMaxBackingNameBytes ||
      (is_raw_data && !link.name.empty())) {
    return Error{.fault = Fault::kErrno, .error = kEinval};
  }
  TRY(metadata.BeginChanges());
  metadata.header.autoclear = KeptAutoclear(metadata.header);
  metadata.backing_file = link.name;
  metadata.extensions.backing_format = link.format;
  return metadata.WriteHeader();
}

}  // namespace

extern const Layering kLayering;
constinit const Layering kLayering = {.name = ByteView{kName, sizeof kName},
                                      .check = &Check,
                                      .link = &Link,
                                      .make_empty = &MakeEmpty};

}  // namespace instar::qcow2
