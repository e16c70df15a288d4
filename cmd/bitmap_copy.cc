#include "cmd/bitmap_copy.h"

#include "cmd/bitmap_run.h"
#include "cmd/session.h"

namespace instar::cmd {

bool BitmapCopy::Check(vmm::Files& files) const {
  proto::Config config;
  proto::BitmapConfig& bitmap = *config.mutable_bitmap();
  source_.Describe(0, *bitmap.mutable_source());
  bitmap.set_copy(proto::BITMAP_COPY_CHECK);
  bitmap.set_skip_broken(call_.skip_broken_bitmaps ||
                         !environment_.profile.convert_checks_bitmaps);
  return Run(files, config, {});
}

int BitmapCopy::Copy(vmm::Files& files, const std::string& format,
                     bool behind_data) const {
  proto::Config config;
  proto::BitmapConfig& bitmap = *config.mutable_bitmap();
  source_.Describe(0, *bitmap.mutable_source());
  bitmap.mutable_image()->set_format(format);
  for (uint32_t slot = 0; slot < files.size(); ++slot) {
    if (files.origin(slot).role == proto::ROLE_TARGET) {
      bitmap.mutable_image()->set_slot(slot);
      bitmap.set_image_is_open(true);
    }
  }
  bitmap.set_copy(proto::BITMAP_COPY_ALL);
  bitmap.set_skip_broken(call_.skip_broken_bitmaps);
  bitmap.set_keep_unfilled(!environment_.profile.convert_checks_bitmaps);
  bitmap.set_behind_data(behind_data);
  return Run(files, config, call_.output) ? 0 : 1;
}

bool BitmapCopy::Run(vmm::Files& files, const proto::Config& config,
                     const std::string& target) const {
  Session session(environment_, files, compat::CommandKind::kConvert);
  session.shown_names[0] = source_.name;
  session.target_path = target;
  return session.Run(BitmapGuest(), config,
                     LimitsFor(environment_, kBitmapGuestBytes));
}

}  // namespace instar::cmd
