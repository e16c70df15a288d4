// The metadata of a qcow2 image that is there already, opened for a change of
// its structure: header and extensions as they are now, refcounts, tables, and
// the order in which all of it reaches the file.
#pragma once

#include <cstdint>

#include "lib/base/arena.h"
#include "lib/base/bytes.h"
#include "lib/base/file.h"
#include "lib/base/result.h"
#include "lib/format/block_cache.h"
#include "lib/format/qcow2/extensions.h"
#include "lib/format/qcow2/geometry.h"
#include "lib/format/qcow2/header.h"
#include "lib/format/qcow2/header_rewrite.h"
#include "lib/format/qcow2/refcounts.h"
#include "lib/format/qcow2/table_store.h"

namespace instar::qcow2 {

// Whether an image may be written at all.
// Errors: kQcow2ImageCorrupt, kNeedsRepair, kQcow2ReftableOffset.
Status CheckWritable(const Header& header);

// Autoclear features that this program keeps; whoever writes takes back the
// promises of others.
uint64_t KeptAutoclear(const Header& header);

Geometry GeometryOf(const Header& header);

class Metadata {
 public:
  Metadata(Arena& arena, File& file) : arena_(&arena), file_(&file) {}
  Metadata(const Metadata&) = delete;
  Metadata& operator=(const Metadata&) = delete;

  // Reads header and extensions. `num_blocks`: of the cache, for tables that
  // are only read. To be called once, first. Errors: those of opening.
  Status Open(uint64_t num_blocks);
  // What changes go through. To be called before them, and again where
  // somebody else has changed tables since.
  // `table_bytes`: memory for tables. Errors: those of CheckWritable,
  // kNoMemory, kErrno.
  Status BeginChanges(uint64_t table_bytes = TableStore::kUsualBytes);

  // Reads header, extensions and the place of the refcounts anew, after
  // somebody else wrote the image. REQUIRES: nothing was changed here that is
  // not yet in the file. Errors: as above.
  Status Reload();

  Arena& arena() { return *arena_; }
  File& file() { return *file_; }
  BlockCache& cache() { return cache_; }

  // What the header says or, where the caller changes them, what it is to say
  // once WriteHeader is called.
  Header header;
  Extensions extensions;
  ByteView backing_file;

  // REQUIRES, from here on: BeginChanges.
  const Geometry& geometry() const { return geometry_; }
  TableStore& tables() { return tables_; }
  Refcounts& refcounts() { return *refcounts_; }

  // As Refcounts::Allocate, and never the first cluster, where refcounts lie
  // about it. Errors: also kQcow2CorruptEntry.
  Result<uint64_t> Allocate(uint64_t clusters);

  // Counts in other structures from now on, which are in the file and of which
  // the header does not know yet. Nothing may wait to be written.
  // Errors: kNoMemory.
  Status UseRefcounts(uint64_t order, uint64_t table_offset,
                      uint64_t table_clusters);

  // Where `done` says that an entry of a table cannot be, marks the image as
  // corrupt, as far as its version knows that. Returns `done`.
  Status Judged(const Status& done);

  // Writes all tables that have changed and makes them durable.
  Status Sync();
  // Writes the first cluster anew once all before it is durable, and makes it
  // durable. The place of the refcounts is filled in here.
  Status WriteHeader();

 private:
  Status OpenRefcounts();

  Arena* arena_;
  File* file_;
  BlockCache cache_;
  Geometry geometry_;
  TableStore tables_;
  Refcounts* refcounts_ = nullptr;
  HeaderRewrite rewrite_;
};

}  // namespace instar::qcow2
