#include "lib/format/luks/header.h"

#include "lib/base/checked.h"
#include "lib/format/luks/algorithms.h"
#include "lib/format/luks/layout.h"

namespace instar::luks {
namespace {

using Raw = FixedView<HeaderLayout::kSize>;
using RawSlot = FixedView<SlotLayout::kSize>;

constexpr uint32_t kMinSlotSector = 8;  // behind the header, in whole 4 KiB

Error Wrong(Fault fault, uint64_t value = 0, uint64_t value2 = 0,
            uint64_t value3 = 0) {
  return {.fault = fault, .value = value, .value2 = value2, .value3 = value3};
}

// The text in a field that must hold a zero. Errors: `fault`.
Result<ByteView> TextIn(ByteView bytes, uint64_t offset, Fault fault) {
  const ByteView field = TRY(bytes.Slice(offset, HeaderLayout::kNameBytes));
  const ByteView text = Before(field, 0);
  if (text.size() == field.size()) {
    return Wrong(fault);
  }
  return text;
}

RawSlot SlotAt(ByteView bytes, uint64_t index) {
  return bytes
      .Fixed<SlotLayout::kSize>(HeaderLayout::kSlotsOffset +
                                index * SlotLayout::kSize)
      .value();
}

// Sectors that a slot's key material takes. As in qemu, 32 bits wrap.
uint32_t MaterialSectors(uint32_t key_bytes, RawSlot slot) {
  const uint32_t bytes = key_bytes * slot.Get<SlotLayout::kStripes>();
  const uint64_t sectors = DivRoundUp(bytes, kSectorBytes);
  return static_cast<uint32_t>(DivRoundUp(sectors, kMinSlotSector) *
                               kMinSlotSector);
}

Status CheckSlot(ByteView bytes, uint64_t index, uint32_t payload,
                 uint32_t key_bytes) {
  using L = SlotLayout;
  const RawSlot slot = SlotAt(bytes, index);
  const uint32_t state = slot.Get<L::kState>();
  const uint32_t start = slot.Get<L::kKeyMaterialOffset>();
  if (slot.Get<L::kStripes>() != kStripes) {
    return Wrong(Fault::kLuksStripes, index, slot.Get<L::kStripes>(), kStripes);
  }
  if (state != kSlotEnabled && state != kSlotDisabled) {
    return Wrong(Fault::kLuksSlotState, index);
  }
  if (start < kMinSlotSector) {
    return Wrong(Fault::kLuksSlotInHeader, index);
  }
  if (state == kSlotEnabled && slot.Get<L::kIterations>() == 0) {
    return Wrong(Fault::kLuksSlotIterations, index);
  }
  const uint32_t end = start + MaterialSectors(key_bytes, slot);
  if (end > payload) {
    return Wrong(Fault::kLuksSlotInPayload, index);
  }
  for (uint64_t other = index + 1; other < LuksFacts::kNumSlots; ++other) {
    const RawSlot other_slot = SlotAt(bytes, other);
    const uint32_t other_start = other_slot.Get<L::kKeyMaterialOffset>();
    const uint32_t other_end =
        other_start + MaterialSectors(key_bytes, other_slot);
    if (end > other_start && other_end > start) {
      return Wrong(Fault::kLuksSlotsOverlap, index, other);
    }
  }
  return {};
}

Status CheckLayout(ByteView bytes, Raw raw) {
  using L = HeaderLayout;
  const uint32_t payload = raw.Get<L::kPayloadOffset>();
  if (payload < kMinSlotSector) {
    return Wrong(Fault::kLuksPayloadInHeader);
  }
  if (raw.Get<L::kMasterKeyIterations>() == 0) {
    return Wrong(Fault::kLuksIterations);
  }
  const uint32_t key_bytes = raw.Get<L::kKeyBytes>();
  for (uint64_t i = 0; i < LuksFacts::kNumSlots; ++i) {
    TRY(CheckSlot(bytes, i, payload, key_bytes));
  }
  return {};
}

LuksSlotFacts SlotFacts(RawSlot slot) {
  using L = SlotLayout;
  LuksSlotFacts facts = {
      .active = slot.Get<L::kState>() == kSlotEnabled,
      .key_offset = slot.Get<L::kKeyMaterialOffset>() * kSectorBytes};
  if (facts.active) {
    facts.iterations = slot.Get<L::kIterations>();
    facts.stripes = slot.Get<L::kStripes>();
  }
  return facts;
}

}  // namespace

bool IsLuks1(ByteView head) {
  const auto version = head.At<Be16>(HeaderLayout::kVersion.offset);
  return head.StartsWith(ByteView(kMagic, sizeof kMagic)) && version.ok() &&
         version.value() == kVersion1;
}

Result<LuksFacts> ReadHeader(BlockCache& cache, Arena& arena, uint64_t offset,
                             uint64_t room) {
  using L = HeaderLayout;
  if (room < L::kSize) {
    return Wrong(Fault::kLuksOutside);
  }
  const MutableBytes copy = TRY(arena.Allocate(L::kSize));
  TRY(cache.Copy(offset, copy));
  const ByteView bytes = copy.view();
  const Raw raw = TRY(bytes.Fixed<L::kSize>(0));
  if (!bytes.StartsWith(ByteView(kMagic, sizeof kMagic))) {
    const ByteView name = ByteView::Of("luks");
    return Error{.fault = Fault::kNotInFormat,
                 .text = name.data(),
                 .text_bytes = static_cast<uint32_t>(name.size())};
  }
  if (raw.Get<L::kVersion>() != kVersion1) {
    return Wrong(Fault::kLuksVersion, raw.Get<L::kVersion>());
  }
  Names names;
  names.cipher =
      TRY(TextIn(bytes, L::kCipherNameOffset, Fault::kLuksCipherName));
  names.mode = TRY(TextIn(bytes, L::kCipherModeOffset, Fault::kLuksCipherMode));
  names.hash = TRY(TextIn(bytes, L::kHashSpecOffset, Fault::kLuksHashSpec));
  names.key_bytes = raw.Get<L::kKeyBytes>();
  TRY(CheckLayout(bytes, raw));
  LuksFacts facts;
  TRY(FindAlgorithms(names, facts));
  facts.uuid = Before(TRY(bytes.Slice(L::kUuidOffset, L::kUuidBytes)), 0);
  facts.payload_offset = raw.Get<L::kPayloadOffset>() * kSectorBytes;
  facts.master_key_iterations = raw.Get<L::kMasterKeyIterations>();
  for (uint64_t i = 0; i < LuksFacts::kNumSlots; ++i) {
    facts.slots[i] = SlotFacts(SlotAt(bytes, i));
  }
  return facts;
}

}  // namespace instar::luks
