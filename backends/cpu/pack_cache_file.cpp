#include "backends/cpu/pack_cache_file.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <type_traits>
#include <utility>

#include "core/base/byte_reader.h"
#include "core/base/checked_math.h"
#include "core/base/checksum.h"
#include "platforms/atomic_file.h"
#include "platforms/work_split.h"

namespace dunlin::cpu {
namespace {

constexpr char kMagic[8] = {'D', 'U', 'N', 'L', 'I', 'N', 'P', 'C'};
constexpr uint32_t kFormatVersion = 1;
// Weights begin on pages, so that a mapped weight is aligned for every kernel.
constexpr uint64_t kWeightAlignment = 4096;
// A weight's checksum is that of its chunks' checksums, so that it can be computed by many threads.
constexpr size_t kChunkBytes = size_t(1) << 20;
// Verified at a time: enough that a parallel region costs nothing, little enough that a load can be stopped.
constexpr size_t kVerifiedBytes = size_t(64) << 20;
constexpr const char* kRemedy = "; packing again";

struct Header {
  char magic[8];
  uint32_t format_version;
  uint32_t pack_version;
  char layout[16];  // padded with zeros
  uint64_t file_bytes;
  uint64_t table_bytes;  // the table follows the header
  uint64_t table_checksum;
  uint32_t n_sources;
  uint32_t n_weights;
  uint64_t checksum;  // of the bytes before it
};
static_assert(sizeof(Header) == 72 && std::is_trivially_copyable_v<Header>);

uint64_t header_checksum(const Header& header) {
  return checksum64({reinterpret_cast<const uint8_t*>(&header), offsetof(Header, checksum)});
}

std::array<char, 16> layout_field(const std::string& layout) {
  std::array<char, 16> field{};
  DUNLIN_CHECK(layout.size() <= field.size());
  std::copy(layout.begin(), layout.end(), field.begin());
  return field;
}

// The checksums of several weights in one parallel region. Threads take chunk after chunk, so that one that
// the system holds back holds back nothing else.
std::vector<uint64_t> content_checksums(std::span<const std::span<const uint8_t>> weights, ThreadTeam& team) {
  std::vector<std::span<const uint8_t>> chunks;
  std::vector<size_t> ends;  // of each weight's chunks
  for (std::span<const uint8_t> rest : weights) {
    for (; !rest.empty(); rest = rest.subspan(chunks.back().size()))
      chunks.push_back(rest.first(std::min(kChunkBytes, rest.size())));
    ends.push_back(chunks.size());
  }
  std::vector<uint64_t> sums(chunks.size());
  TailCounter next;
  team.run([&](int, int) {
    const auto n = int64_t(chunks.size());
    for (IndexRange one = next.take(n, 1); !one.empty(); one = next.take(n, 1))
      sums[size_t(one.begin)] = checksum64(chunks[size_t(one.begin)]);
  });
  std::vector<uint64_t> out;
  for (size_t i = 0; i < ends.size(); ++i) {
    const std::span own = std::span(sums).first(ends[i]).subspan(i == 0 ? 0 : ends[i - 1]);
    out.push_back(checksum64({reinterpret_cast<const uint8_t*>(own.data()), own.size_bytes()}));
  }
  return out;
}

// The table as bytes, value after value.
class TableWriter {
 public:
  template <typename T>
  requires std::is_arithmetic_v<T>
  void put(T value) {
    const auto* at = reinterpret_cast<const uint8_t*>(&value);
    bytes_.insert(bytes_.end(), at, at + sizeof value);
  }
  void put(const std::string& text) {
    put(uint32_t(text.size()));
    bytes_.insert(bytes_.end(), text.begin(), text.end());
  }
  const std::vector<uint8_t>& bytes() const { return bytes_; }

 private:
  std::vector<uint8_t> bytes_;
};

uint64_t align(uint64_t bytes) {
  return (bytes + kWeightAlignment - 1) / kWeightAlignment * kWeightAlignment;
}

// Weights stand in order from data_begin on, each on pages of its own.
std::vector<uint8_t> make_table(const PackCacheScope& scope, std::span<const PackedBytes> weights,
                                std::span<const uint64_t> checksums, uint64_t data_begin) {
  TableWriter table;
  for (const SourceFile& source : scope.sources) {
    table.put(source.bytes);
    table.put(source.modified_ns);
  }
  uint64_t offset = data_begin;
  for (size_t i = 0; i < weights.size(); ++i) {
    const PackKey& key = weights[i].key;
    table.put(offset);
    table.put(uint64_t(weights[i].bytes.size()));
    table.put(checksums[i]);
    table.put(key.n);
    table.put(key.k);
    table.put(key.row_order);
    table.put(key.sample);
    table.put(uint32_t(key.form));
    table.put(key.type);
    table.put(key.name);
    offset += align(weights[i].bytes.size());
  }
  return table.bytes();
}

Header make_header(const PackCacheScope& scope, std::span<const uint8_t> table, size_t n_weights,
                   uint64_t file_bytes) {
  Header header{};
  std::memcpy(header.magic, kMagic, sizeof kMagic);
  header.format_version = kFormatVersion;
  header.pack_version = scope.pack_version;
  std::memcpy(header.layout, layout_field(scope.layout).data(), sizeof header.layout);
  header.file_bytes = file_bytes;
  header.table_bytes = table.size();
  header.table_checksum = checksum64(table);
  header.n_sources = uint32_t(scope.sources.size());
  header.n_weights = uint32_t(n_weights);
  header.checksum = header_checksum(header);
  return header;
}

Status write_padded(AtomicFile& file, std::span<const uint8_t> bytes) {
  static constexpr uint8_t kZeros[kWeightAlignment] = {};
  DUNLIN_RETURN_IF_ERROR(file.write(bytes));
  return file.write(std::span(kZeros).first(size_t(align(bytes.size()) - bytes.size())));
}

Status read_text(ByteReader& reader, std::string& out) {
  uint32_t size = 0;
  std::span<const uint8_t> bytes;
  DUNLIN_RETURN_IF_ERROR(reader.read(size));
  DUNLIN_RETURN_IF_ERROR(reader.read_bytes(size, bytes));
  out.assign(bytes.begin(), bytes.end());
  return Status::ok();
}

// The file's bytes that an entry means, or why it cannot mean any.
Status read_entry(ByteReader& reader, std::span<const uint8_t> file, uint64_t data_begin,
                  PackCacheFile::Entry& entry) {
  uint64_t bytes = 0;
  uint32_t form = 0;
  DUNLIN_RETURN_IF_ERROR(reader.read(entry.offset));
  DUNLIN_RETURN_IF_ERROR(reader.read(bytes));
  DUNLIN_RETURN_IF_ERROR(reader.read(entry.checksum));
  DUNLIN_RETURN_IF_ERROR(reader.read(entry.key.n));
  DUNLIN_RETURN_IF_ERROR(reader.read(entry.key.k));
  DUNLIN_RETURN_IF_ERROR(reader.read(entry.key.row_order));
  DUNLIN_RETURN_IF_ERROR(reader.read(entry.key.sample));
  DUNLIN_RETURN_IF_ERROR(reader.read(form));
  DUNLIN_RETURN_IF_ERROR(read_text(reader, entry.key.type));
  DUNLIN_RETURN_IF_ERROR(read_text(reader, entry.key.name));
  entry.key.form = PackForm(form);
  const auto end = checked_add(entry.offset, bytes);
  if (!end || *end > file.size() || entry.offset < data_begin || entry.offset % kWeightAlignment != 0)
    return Status::corrupt(reader.source(), ": a weight of the pack cache lies outside the file", kRemedy);
  entry.bytes = file.subspan(size_t(entry.offset), size_t(bytes));
  return Status::ok();
}

Status check_header(const Header& header, const FileMap& file, const PackCacheScope& scope) {
  const std::string& path = file.path();
  if (std::memcmp(header.magic, kMagic, sizeof kMagic) != 0)
    return Status::corrupt(path, ": is no pack cache", kRemedy);
  if (header.format_version != kFormatVersion)
    return Status::unsupported(path, ": a pack cache of format ", header.format_version, ", expected ",
                               kFormatVersion, kRemedy);
  if (header.checksum != header_checksum(header))
    return Status::corrupt(path, ": the pack cache's header is damaged", kRemedy);
  if (std::memcmp(header.layout, layout_field(scope.layout).data(), sizeof header.layout) != 0 ||
      header.pack_version != scope.pack_version)
    return Status::unsupported(path, ": a pack cache of another layout or version, expected ", scope.layout,
                               " version ", scope.pack_version, kRemedy);
  if (header.file_bytes != file.bytes().size())
    return Status::corrupt(path, ": the pack cache has ", file.bytes().size(), " bytes instead of ",
                           header.file_bytes, kRemedy);
  return Status::ok();
}

Status check_sources(ByteReader& reader, uint32_t n_sources, const PackCacheScope& scope) {
  bool same = n_sources == scope.sources.size();
  for (uint32_t i = 0; i < n_sources; ++i) {
    SourceFile source;
    DUNLIN_RETURN_IF_ERROR(reader.read(source.bytes));
    DUNLIN_RETURN_IF_ERROR(reader.read(source.modified_ns));
    same = same && source == scope.sources[i];
  }
  if (same) return Status::ok();
  return Status::unsupported(reader.source(), ": a pack cache of another state of the model's files",
                             kRemedy);
}

Result<std::span<const uint8_t>> read_table(ByteReader& reader, const Header& header) {
  std::span<const uint8_t> table;
  DUNLIN_RETURN_IF_ERROR(reader.read_bytes(header.table_bytes, table));
  if (checksum64(table) != header.table_checksum)
    return Status::corrupt(reader.source(), ": the pack cache's table is damaged", kRemedy);
  return table;
}

}  // namespace

Result<PackCacheFile> PackCacheFile::open(const std::string& path, const PackCacheScope& scope,
                                          bool use_mmap) {
  PackCacheFile cache;
  DUNLIN_ASSIGN_OR_RETURN(cache.file_, FileMap::open(path, {.use_mmap = use_mmap}));
  const std::span<const uint8_t> bytes = cache.file_.bytes();
  if (bytes.size() < sizeof(Header)) return Status::corrupt(path, ": is too short for a pack cache", kRemedy);
  ByteReader file(bytes, path);
  Header header;
  DUNLIN_RETURN_IF_ERROR(file.read(header));
  DUNLIN_RETURN_IF_ERROR(check_header(header, cache.file_, scope));
  DUNLIN_ASSIGN_OR_RETURN(const auto table_bytes, read_table(file, header));
  ByteReader table(table_bytes, path);
  DUNLIN_RETURN_IF_ERROR(check_sources(table, header.n_sources, scope));
  for (uint32_t i = 0; i < header.n_weights; ++i) {
    Entry entry;
    DUNLIN_RETURN_IF_ERROR(read_entry(table, bytes, file.offset(), entry));
    cache.by_name_.emplace(entry.key.name, cache.entries_.size());
    cache.entries_.push_back(std::move(entry));
  }
  return cache;
}

PackCacheFile::Entry* PackCacheFile::find(std::string_view name) {
  const auto at = by_name_.find(name);
  return at == by_name_.end() ? nullptr : &entries_[at->second];
}

bool PackCacheFile::is_intact(Entry& entry, ThreadTeam& team) {
  if (entry.is_intact) return *entry.is_intact;
  std::vector<Entry*> batch;
  std::vector<std::span<const uint8_t>> contents;
  size_t n_bytes = 0;
  const auto first = entries_.begin() + (&entry - entries_.data());
  for (auto e = first; e != entries_.end() && (e == first || n_bytes + e->bytes.size() <= kVerifiedBytes);
       ++e) {
    file_.will_need(e->bytes);
    batch.push_back(&*e);
    contents.push_back(e->bytes);
    n_bytes += e->bytes.size();
  }
  const std::vector<uint64_t> checksums = content_checksums(contents, team);
  for (size_t i = 0; i < batch.size(); ++i) batch[i]->is_intact = checksums[i] == batch[i]->checksum;
  return *entry.is_intact;
}

Status write_pack_cache(const std::string& path, const PackCacheScope& scope,
                        std::span<const PackedBytes> weights, ThreadTeam& team) {
  std::vector<std::span<const uint8_t>> contents;
  for (const PackedBytes& weight : weights) contents.push_back(weight.bytes);
  const std::vector<uint64_t> checksums = content_checksums(contents, team);
  // Where weights begin depends on the table's size, which does not depend on where they begin.
  const uint64_t table_bytes = make_table(scope, weights, checksums, 0).size();
  const uint64_t data_begin = align(sizeof(Header) + table_bytes);
  uint64_t file_bytes = data_begin;
  for (const PackedBytes& weight : weights) file_bytes += align(weight.bytes.size());
  const std::vector<uint8_t> table = make_table(scope, weights, checksums, data_begin);
  const Header header = make_header(scope, table, weights.size(), file_bytes);

  std::vector<uint8_t> front(sizeof header + table.size());
  std::memcpy(front.data(), &header, sizeof header);
  std::memcpy(front.data() + sizeof header, table.data(), table.size());
  DUNLIN_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::create(path));
  DUNLIN_RETURN_IF_ERROR(write_padded(file, front));
  for (const PackedBytes& weight : weights) DUNLIN_RETURN_IF_ERROR(write_padded(file, weight.bytes));
  return file.commit();
}

}  // namespace dunlin::cpu
