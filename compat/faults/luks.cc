#include "compat/faults/faults.h"

namespace instar::compat {
namespace {

constexpr FaultRow kRows[] = {
    {proto::FAULT_LUKS_KEY_REQUIRED,
     "Parameter 'key-secret' is required for cipher"},
    {proto::FAULT_LUKS_VERSION, "LUKS version {v} is not supported"},
    {proto::FAULT_LUKS_CIPHER_NAME,
     "LUKS header cipher name is not NUL terminated"},
    {proto::FAULT_LUKS_CIPHER_MODE,
     "LUKS header cipher mode is not NUL terminated"},
    {proto::FAULT_LUKS_HASH_SPEC,
     "LUKS header hash spec is not NUL terminated"},
    {proto::FAULT_LUKS_PAYLOAD_IN_HEADER,
     "LUKS payload is overlapping with the header"},
    {proto::FAULT_LUKS_ITERATIONS, "LUKS key iteration count is zero"},
    {proto::FAULT_LUKS_STRIPES,
     "Keyslot {v} is corrupted (stripes {w} != {x})"},
    {proto::FAULT_LUKS_SLOT_STATE,
     "Keyslot {v} state (active/disable) is corrupted"},
    {proto::FAULT_LUKS_SLOT_IN_HEADER,
     "Keyslot {v} is overlapping with the LUKS header"},
    {proto::FAULT_LUKS_SLOT_ITERATIONS, "Keyslot {v} iteration count is zero"},
    {proto::FAULT_LUKS_SLOT_IN_PAYLOAD,
     "Keyslot {v} is overlapping with the encrypted payload"},
    {proto::FAULT_LUKS_SLOTS_OVERLAP,
     "Keyslots {v} and {w} are overlapping in the header"},
    {proto::FAULT_LUKS_MODE_FORMAT,
     "Unexpected cipher mode string format '{t}'"},
    {proto::FAULT_LUKS_HASH, "Hash algorithm '{t}' not supported"},
    {proto::FAULT_LUKS_MODE, "Cipher mode '{t}' not supported"},
    {proto::FAULT_LUKS_CIPHER,
     "Algorithm '{t}' with key size {i} bytes not supported"},
    {proto::FAULT_LUKS_IVGEN, "IV generator '{t}' not supported"},
    {proto::FAULT_LUKS_IVGEN_HASH_MISSING,
     "Missing IV generator hash specification"},
    {proto::FAULT_LUKS_ESSIV_KEY, "No {t} cipher with key size {v} available"},
    {proto::FAULT_LUKS_ESSIV_CIPHER, "Cipher {t} not supported with essiv"},
    {proto::FAULT_LUKS_SIZE,
     "Could not refresh total sector count: Input/output error"},
    {proto::FAULT_LUKS_OUTSIDE, "Request for data outside of extension header"},
};

}  // namespace

std::span<const FaultRow> LuksFaults() {
  return kRows;
}

}  // namespace instar::compat
