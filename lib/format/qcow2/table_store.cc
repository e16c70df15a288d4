#include "lib/format/qcow2/table_store.h"

#include "lib/base/checked.h"

namespace instar::qcow2 {
namespace {

constexpr uint64_t kMaxPageBytes = 64 * 1024;
constexpr uint64_t kMinPages = 4;

// Each table's share of the memory, in 32nds: L2 tables are what a write goes
// through; refcounts of one block cover far more.
constexpr uint64_t kShares[kNumTables] = {6, 2, 20, 3};

// Orders of writing.
constexpr Table kAllocating[kNumTables] = {
    Table::kRefcountBlock, Table::kRefcountTable, Table::kL2, Table::kL1};
constexpr Table kFreeing[kNumTables] = {
    Table::kL2, Table::kL1, Table::kRefcountBlock, Table::kRefcountTable};

}  // namespace

Status TableStore::Init(Arena& arena, File& file, uint64_t cluster_bytes,
                        uint64_t budget) {
  file_ = &file;
  cluster_bytes_ = cluster_bytes;
  page_bytes_ = Min(cluster_bytes, kMaxPageBytes);
  budget = Min(budget, arena.available() / 2);
  // A small page costs as much again for keeping track of it.
  const uint64_t page_cost = page_bytes_ + 2 * sizeof(Page);
  for (uint64_t i = 0; i < kNumTables; ++i) {
    const uint64_t pages = budget / 32 * kShares[i] / page_cost;
    TRY(caches_[i].Init(arena, file, page_bytes_, Max(pages, kMinPages)));
  }
  return {};
}

Status TableStore::Barrier() {
  if (!in_order_) {
    return {};
  }
  if (data_ != nullptr) {
    TRY(data_->Flush());
  }
  return file_->Flush();
}

Status TableStore::Write(Table table) {
  PageCache& cache = Cache(table);
  if (cache.dirty()) {
    TRY(Barrier());
  }
  return cache.Flush();
}

Result<Page*> TableStore::MakeRoom(Table table) {
  Page* page = Cache(table).Victim();
  if (!page->dirty) {
    return page;
  }
  // Whatever has to be on disk before this page; then its whole cache, so
  // that the next victims are clean.
  for (const Table before : freeing_ ? kFreeing : kAllocating) {
    TRY(Write(before));
    if (before == table) {
      break;
    }
  }
  return page;
}

Result<Page*> TableStore::Get(Table table, uint64_t offset) {
  PageCache& cache = Cache(table);
  const uint64_t start = AlignDown(offset, page_bytes_);
  Page* page = cache.Find(start);
  if (page == nullptr) {
    page = TRY(MakeRoom(table));
    TRY(cache.Load(page, start));
  }
  return page;
}

Status TableStore::PutZeroes(Table table, uint64_t offset, uint64_t bytes) {
  PageCache& cache = Cache(table);
  for (uint64_t done = 0; done < bytes; done += page_bytes_) {
    cache.Drop(offset + done);
    Page* page = TRY(MakeRoom(table));
    cache.FillZero(page, offset + done);
    cache.MarkDirty(page);
  }
  return {};
}

Result<uint64_t> TableStore::Load64(Table table, uint64_t offset) {
  const Page* page = TRY(Get(table, offset));
  return page->bytes.view().At<Be64>(offset - page->offset);
}

Status TableStore::Store64(Table table, uint64_t offset, uint64_t value) {
  Page* page = TRY(Get(table, offset));
  MarkDirty(table, page);
  return page->bytes.Put<Be64>(offset - page->offset, value);
}

Status TableStore::BeginAllocating() {
  if (freeing_) {
    TRY(Write(Table::kL2));
    TRY(Write(Table::kL1));
    // What was freed may be given out again now.
    TRY(Barrier());
    freeing_ = false;
  }
  return {};
}

Status TableStore::BeginFreeing() {
  if (!freeing_) {
    TRY(FlushRefcounts());
    freeing_ = true;
  }
  return {};
}

void TableStore::DropCluster(uint64_t offset) {
  for (PageCache& cache : caches_) {
    for (uint64_t at = 0; at < cluster_bytes_; at += page_bytes_) {
      cache.Drop(offset + at);
    }
  }
}

Status TableStore::FlushRefcounts() {
  TRY(Write(Table::kRefcountBlock));
  return Write(Table::kRefcountTable);
}

Status TableStore::FlushAll() {
  for (const Table table : freeing_ ? kFreeing : kAllocating) {
    TRY(Write(table));
  }
  return {};
}

}  // namespace instar::qcow2
