#include "guest/rt/changed_target.h"

#include "gen/guest.npb.h"
#include "guest/rt/claims.h"
#include "guest/rt/findings.h"
#include "lib/format/writers.h"

namespace instar::guest {
namespace {

constexpr uint32_t kClaimData = abi::kClaimRead | abi::kClaimWrite |
                                abi::kClaimResize | abi::kClaimUnshareWrite |
                                abi::kClaimUnshareResize;

// qcow2: the file that holds the data, which the host knows beforehand.
Status OpenDataFile(ChangedTarget& changed) {
  changed.files.data_file =
      TRY(changed.opener.OpenOutput(instar_proto_Role_ROLE_TARGET_DATA));
  return Claim(*changed.files.data_file, kClaimData);
}

Status OpenTarget(Context& context, Image& image, ChangedTarget& changed) {
  const ImageFacts& facts = image.facts();
  const Writer* writer = FindWriter(facts.format);
  if (writer == nullptr) {
    return Error{.fault = Fault::kUnsupported,
                 .text = facts.format.data(),
                 .text_bytes = static_cast<uint32_t>(facts.format.size())};
  }
  changed.files.opener = &changed.opener;
  changed.files.file = &image.file();
  if (facts.qcow2 != nullptr && facts.qcow2->has_data_file) {
    TRY(OpenDataFile(changed));
  }
  changed.target = TRY(changed.bitmaps.Open(context, *writer, &image,
                                            changed.files, image.backing()));
  return {};
}

}  // namespace

bool OpenChangedTarget(Context& context, Image& image, ByteView random,
                       ChangedTarget& changed) {
  changed.files.random = random;
  const Status opened = OpenTarget(context, image, changed);
  if (!opened.ok()) {
    ReportFailure(opened.error(), {.slot = image.file().slot()});
  }
  return opened.ok();
}

bool FinishChangedTarget(ChangedTarget& changed) {
  Status status = changed.target->Finish();
  if (status.ok() && changed.files.data_file != nullptr) {
    status = changed.files.data_file->Flush();
  }
  if (status.ok()) {
    status = changed.files.file->Flush();
  }
  if (status.ok()) {
    status = changed.bitmaps.End();
  }
  if (!status.ok()) {
    ReportFailure(status.error(), {.stage = instar_proto_Stage_STAGE_FINISH,
                                   .slot = changed.files.file->slot()});
  }
  return status.ok();
}

}  // namespace instar::guest
