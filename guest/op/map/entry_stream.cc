#include "guest/op/map/entry_stream.h"

#include <pb_encode.h>

#include "gen/guest.npb.h"

namespace instar::guest {
namespace {

// A packed list of fixed-size numbers, which are in memory as on the wire.
bool EncodePacked(pb_ostream_t* stream, const pb_field_t* field,
                  void* const* argument) {
  const auto& list = *static_cast<const ByteView*>(*argument);
  return pb_encode_tag(stream, PB_WT_STRING, field->tag) &&
         pb_encode_string(stream, list.data(), list.size());
}

void SetList(pb_callback_t& callback, const ByteView& list) {
  callback.funcs.encode = &EncodePacked;
  callback.arg = const_cast<ByteView*>(&list);
}

}  // namespace

Result<EntryStream*> EntryStream::Create(Arena& arena, Requests& requests) {
  const MutableBytes lengths = TRY(arena.Allocate(kMaxEntries * Le64::kSize));
  const MutableBytes kinds = TRY(arena.Allocate(kMaxEntries * Le32::kSize));
  const MutableBytes offsets = TRY(arena.Allocate(kMaxEntries * Le64::kSize));
  const MutableBytes place =
      TRY(arena.Allocate(sizeof(EntryStream), alignof(EntryStream)));
  auto* stream =
      new (place.data()) EntryStream(requests, lengths, kinds, offsets);
  for (MutableBytes& frame : stream->frames_) {
    frame = TRY(arena.Allocate(abi::kMaxFrameBytes, abi::kPageSize));
  }
  return stream;
}

void EntryStream::Add(const MapEntry& entry) {
  if (count_ == 0) {
    start_ = entry.start;
  }
  const uint64_t at = count_;
  INSTAR_CHECK(lengths_.Put<Le64>(at * Le64::kSize, entry.length).ok());
  INSTAR_CHECK(kinds_.Put<Le32>(at * Le32::kSize, entry.kind).ok());
  INSTAR_CHECK(offsets_.Put<Le64>(at * Le64::kSize, entry.offset).ok());
  if (++count_ == kMaxEntries) {
    Send();
  }
}

void EntryStream::Send() {
  if (count_ == 0) {
    return;
  }
  const ByteView lengths = lengths_.Prefix(count_ * Le64::kSize).view();
  const ByteView kinds = kinds_.Prefix(count_ * Le32::kSize).view();
  const ByteView offsets = offsets_.Prefix(count_ * Le64::kSize).view();
  instar_proto_Finding finding = instar_proto_Finding_init_zero;
  finding.which_kind = instar_proto_Finding_map_entries_tag;
  instar_proto_MapEntries& entries = finding.kind.map_entries;
  entries.start = start_;
  SetList(entries.length, lengths);
  SetList(entries.kind, kinds);
  SetList(entries.offset, offsets);

  Ticket& ticket = tickets_[next_frame_];
  const MutableBytes frame = frames_[next_frame_];
  next_frame_ = (next_frame_ + 1) % kFrames;
  requests_->Await(ticket);
  pb_ostream_t stream = pb_ostream_from_buffer(frame.data(), frame.size());
  INSTAR_CHECK(
      pb_encode_tag(&stream, PB_WT_STRING, instar_proto_Frame_findings_tag) &&
      pb_encode_submessage(&stream, instar_proto_Finding_fields, &finding));
  requests_->Submit({.call = abi::Call::kMessage,
                     .length = stream.bytes_written,
                     .buffer = AddressOf(frame.data())},
                    ticket);
  requests_->Kick();
  count_ = 0;
}

void EntryStream::Finish() {
  Send();
  for (const Ticket& ticket : tickets_) {
    requests_->Await(ticket);
  }
}

}  // namespace instar::guest
