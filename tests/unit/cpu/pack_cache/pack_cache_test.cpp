// A device with a pack cache: what it takes from the file, and when it packs after all.
#include "backends/cpu/pack_cache.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "backends/cpu/device.h"
#include "backends/cpu/weight.h"
#include "tests/support/temporary_directory.h"

namespace dunlin::cpu {
namespace {

using dunlin::test::TemporaryDirectory;
namespace fs = std::filesystem;

constexpr int64_t kRows = 37, kColumns = 512;

// A model of two weights, in memory that stands for the file.
struct Source {
  std::vector<uint8_t> linear = std::vector<uint8_t>(kRows * row_bytes(DType::kQ8_0, kColumns));
  std::vector<uint8_t> table = std::vector<uint8_t>(kRows * row_bytes(DType::kF16, kColumns));
  std::vector<int32_t> row_order;

  Source() {
    for (size_t i = 0; i < linear.size(); ++i) linear[i] = uint8_t(i * 31 + i / 251);
    for (size_t i = 0; i < table.size(); ++i) table[i] = uint8_t(i * 17 + i / 249);
  }
  std::vector<WeightSource> weights() const {
    const Shape shape{kRows, kColumns};
    WeightSource a{
        "blk.0.attn_q.weight", {DType::kQ8_0, shape, read_from_memory(linear)}, true, false, row_order};
    WeightSource b{"token_embd.weight", {DType::kF16, shape, read_from_memory(table)}, false, true, {}};
    return {a, b};
  }
};

// What a load gave and said.
struct Loaded {
  std::vector<uint8_t> linear;
  std::vector<float> table_row;
  std::vector<std::string> infos, warnings;

  bool took_cache() const { return says(infos, "pack cache: /"); }
  bool wrote_cache() const { return says(infos, "pack cache: wrote"); }
  static bool says(const std::vector<std::string>& messages, const char* text) {
    return std::ranges::any_of(messages,
                               [&](const std::string& m) { return m.find(text) != std::string::npos; });
  }
};

struct Fixture {
  TemporaryDirectory folder;
  Source source;
  PackCacheOptions options{folder.file("model.gguf"), folder.file("cache/model.gguf-17"), {{500, 20}}};
  std::string cache_path = folder.file("model.gguf.dunlin-p16");
  std::string fallback_path = folder.file("cache/model.gguf-17.dunlin-p16");

  Loaded load() {
    Loaded out;
    DeviceOptions device_options;
    device_options.n_threads = 2;
    device_options.pack_cache = options;
    device_options.log = Log([&out](LogLevel level, std::string_view message) {
      (level == LogLevel::kWarning ? out.warnings : out.infos).emplace_back(message);
    });
    const auto backend = make_backend();
    auto device = backend->open(backend->enumerate().front(), device_options);
    REQUIRE(device.is_ok());
    std::vector<std::unique_ptr<DeviceWeight>> weights;
    for (const WeightSource& weight : source.weights()) {
      auto uploaded = (*device)->upload(weight);
      REQUIRE(uploaded.is_ok());
      weights.push_back(std::move(uploaded).value());
      CHECK(weights.back()->bytes() == (*device)->weight_bytes(weight));
    }
    REQUIRE((*device)->finish_uploads().is_ok());
    const auto& linear = static_cast<const CpuWeight&>(*weights[0]);
    const PackedMatrix& packed = linear.packed();
    out.linear.assign(packed.data, packed.data + linear.bytes());
    out.table_row.resize(kColumns);
    static_cast<const CpuWeight&>(*weights[1]).embedding_row(kRows - 1, out.table_row.data());
    return out;
  }
  size_t n_files() const {
    return size_t(std::distance(fs::recursive_directory_iterator(folder.path()), {}));
  }
};

void flip_byte(const std::string& path, uint64_t at) {
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  file.seekg(std::streamoff(at));
  const int byte = file.get();
  file.seekp(std::streamoff(at));
  file.put(char(byte ^ 0x10));
}

bool same_weights(const Loaded& a, const Loaded& b) {
  // As bytes: a NaN equals itself.
  return a.linear == b.linear &&
         std::memcmp(a.table_row.data(), b.table_row.data(), a.table_row.size() * sizeof(float)) == 0;
}

}  // namespace

TEST_CASE("without a path nothing is written") {
  Fixture f;
  f.options = {};
  f.load();
  CHECK(f.n_files() == 0);
}

TEST_CASE("the second load takes the weights from the file, not from the model") {
  Fixture f;
  const Loaded first = f.load();
  CHECK(first.wrote_cache());
  CHECK(first.warnings.empty());
  // Where no sample is taken, so that only packing again would see it.
  f.source.linear[1000] ^= 0xFF;
  f.source.table[1000] ^= 0xFF;
  const Loaded second = f.load();
  CHECK(second.took_cache());
  CHECK_FALSE(second.wrote_cache());
  CHECK(same_weights(first, second));
  CHECK(f.n_files() == 1);
}

TEST_CASE("touched or resized model files are packed again, and the cache is made for them") {
  Fixture f;
  f.load();
  const auto change = GENERATE(0, 1, 2);
  if (change == 0) ++f.options.sources[0].modified_ns;
  if (change == 1) ++f.options.sources[0].bytes;
  if (change == 2) f.options.sources.push_back({1, 1});
  f.source.linear[1000] ^= 0xFF;
  const Loaded again = f.load();
  CHECK(again.wrote_cache());
  CHECK(again.warnings.empty());
  CHECK(Loaded::says(again.infos, "another state"));
  const Loaded fresh = f.load();
  CHECK(fresh.took_cache());
  CHECK(same_weights(again, fresh));
  CHECK(f.n_files() == 1);
}

TEST_CASE("another model with the same size and time is noticed by its bytes and its rows' order") {
  Fixture f;
  f.load();
  SECTION("first bytes") {
    f.source.linear.front() ^= 1;
  }
  SECTION("bytes in the middle") {
    f.source.linear[f.source.linear.size() / 2] ^= 1;
  }
  SECTION("last bytes") {
    f.source.linear.back() ^= 1;
  }
  SECTION("order of rows") {
    for (int64_t r = 0; r < kRows; ++r) f.source.row_order.push_back(int32_t(kRows - 1 - r));
  }
  const Loaded cached = f.load();
  CHECK(Loaded::says(cached.warnings, "blk.0.attn_q.weight"));
  CHECK(cached.wrote_cache());
  f.options = {};
  CHECK(same_weights(cached, f.load()));
}

TEST_CASE("damage costs a warning and packing again; the file is repaired") {
  Fixture f;
  const Loaded good = f.load();
  const uint64_t size = fs::file_size(f.cache_path);
  SECTION("header") {
    flip_byte(f.cache_path, 20);
  }
  SECTION("table") {
    flip_byte(f.cache_path, 90);
  }
  SECTION("first weight") {
    flip_byte(f.cache_path, 4096 + 77);
  }
  SECTION("last weight") {
    flip_byte(f.cache_path, (size / 4096 - 1) * 4096);
  }
  SECTION("truncated") {
    fs::resize_file(f.cache_path, size - 4096);
  }
  SECTION("empty") {
    fs::resize_file(f.cache_path, 0);
  }
  const Loaded damaged = f.load();
  REQUIRE(damaged.warnings.size() == 1);
  CHECK(damaged.warnings[0].find(f.cache_path) != std::string::npos);
  CHECK(damaged.wrote_cache());
  CHECK(same_weights(good, damaged));
  const Loaded repaired = f.load();
  CHECK(repaired.took_cache());
  CHECK(repaired.warnings.empty());
  CHECK(same_weights(good, repaired));
  CHECK(f.n_files() == 1);
}

TEST_CASE("caches of two layouts stand side by side") {
  Fixture f;
  f.load();
  const auto team = std::move(ThreadTeam::create({.n_threads = 1, .cpus = {}})).value();
  const std::vector<uint8_t> other(640, 3);
  const PackCacheScope p8{"p8", kPackVersion, f.options.sources};
  const PackedBytes weight{{"blk.0.attn_q.weight", "Q8_0", kRows, kColumns, PackForm::kPanels, 0, 0}, other};
  REQUIRE(write_pack_cache(f.folder.file("model.gguf.dunlin-p8"), p8, {&weight, 1}, *team).is_ok());
  CHECK(f.load().took_cache());
  // Under the wrong name it is not taken for this layout's.
  REQUIRE(write_pack_cache(f.cache_path, p8, {&weight, 1}, *team).is_ok());
  const Loaded again = f.load();
  CHECK(Loaded::says(again.infos, "another layout"));
  CHECK(again.wrote_cache());
}

TEST_CASE("where the model's folder cannot be written the fallback is used") {
  Fixture f;
  f.options.path = f.folder.file("no-such-folder/model.gguf");
  const Loaded first = f.load();
  CHECK(first.wrote_cache());
  CHECK(first.warnings.empty());
  CHECK(fs::exists(f.fallback_path));
  const Loaded second = f.load();
  CHECK(second.took_cache());
  CHECK(same_weights(first, second));
  CHECK(f.n_files() == 2);  // the folder and the file
}

TEST_CASE("where nothing can be written the load succeeds with one warning") {
  Fixture f;
  f.options.path = f.folder.file("no-such-folder/model.gguf");
  SECTION("no fallback") {
    f.options.fallback.clear();
  }
  SECTION("a fallback whose folder cannot be made") {
    f.folder.write("file", "x");
    f.options.fallback = f.folder.file("file/cache/model");
  }
  const Loaded loaded = f.load();
  REQUIRE(loaded.warnings.size() == 1);
  CHECK(loaded.warnings[0].find("no-such-folder") != std::string::npos);
  CHECK_FALSE(loaded.wrote_cache());
  f.options = {};
  CHECK(same_weights(loaded, f.load()));
}

TEST_CASE("a load that does not finish writes nothing") {
  Fixture f;
  DeviceOptions options;
  options.n_threads = 1;
  options.pack_cache = f.options;
  const auto backend = make_backend();
  {
    auto device = backend->open(backend->enumerate().front(), options);
    REQUIRE(device.is_ok());
    REQUIRE((*device)->upload(f.source.weights()[0]).is_ok());
  }
  CHECK(f.n_files() == 0);
}

}  // namespace dunlin::cpu
