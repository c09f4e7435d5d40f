// Engines that start from a pack cache give the tokens of engines that packed.
#include <catch2/catch.hpp>
#include <chrono>
#include <filesystem>

#include "tests/support/engines.h"
#include "tests/support/temporary_directory.h"

using namespace dunlin;
using namespace dunlin::testing;
namespace fs = std::filesystem;

namespace {

const std::vector<int32_t> kPrompt = {3054, 585, 261};  // "Once upon a"
constexpr int32_t kTokens = 48;

struct Start {
  std::vector<int32_t> tokens;
  std::string said;
  bool packed() const { return said.find("pack cache: wrote") != std::string::npos; }
};

Start start(const std::string& path, EngineOptions options, const ModelFileOptions& file_options = {}) {
  Start out;
  const Log log([&](LogLevel, std::string_view message) { out.said += str_cat(message, "\n"); });
  auto model = Model::open(path, file_options, log);
  REQUIRE(model.is_ok());
  options.n_ctx = 128;
  auto engine = Engine::create(std::move(model).value(), test_registry(), options, log);
  REQUIRE(engine.is_ok());
  out.tokens = run(**engine, greedy_request(kPrompt, kTokens)).tokens;
  return out;
}

EngineOptions cpu_options(bool pack_cache, const std::string& device = "cpu") {
  EngineOptions options;
  options.device = device;
  options.pack_cache = pack_cache;
  return options;
}

size_t n_files(const std::string& folder) {
  return size_t(std::distance(fs::directory_iterator(folder), {}));
}

}  // namespace

TEST_CASE("greedy tokens with a pack cache are those without, on every CPU device") {
  const dunlin::test::TemporaryDirectory folder;
  const std::string path = folder.file("fairy.gguf");
  fs::copy_file(kFairyGguf, path);
  bool first = true;
  for (const std::string& device : exact_device_ids()) {
    if (!device.starts_with("cpu:")) continue;
    INFO(device);
    const Start plain = start(path, cpu_options(false, device));
    CHECK(plain.said.find("pack cache") == std::string::npos);
    CHECK(n_files(folder.path()) == (first ? 1 : 2));
    const Start one = start(path, cpu_options(true, device));
    // All instruction sets share a layout, so the first device's file serves the others.
    CHECK(one.packed() == first);
    const Start two = start(path, cpu_options(true, device));
    CHECK_FALSE(two.packed());
    CHECK(two.said.find("pack cache: " + path + ".dunlin-p16") != std::string::npos);
    CHECK(plain.tokens.size() == size_t(kTokens));
    CHECK(one.tokens == plain.tokens);
    CHECK(two.tokens == plain.tokens);
    CHECK(n_files(folder.path()) == 2);
    first = false;
  }
}

TEST_CASE("a touched model is packed again; one that is read, not mapped, has a cache too") {
  const dunlin::test::TemporaryDirectory folder;
  const std::string path = folder.file("fairy.gguf");
  fs::copy_file(kFairyGguf, path);
  const Start first = start(path, cpu_options(true));
  CHECK(first.packed());
  fs::last_write_time(path, fs::last_write_time(path) + std::chrono::seconds(1));
  const Start touched = start(path, cpu_options(true));
  CHECK(touched.packed());
  CHECK(touched.tokens == first.tokens);
  const Start read = start(path, cpu_options(true), {.preload = true});
  CHECK_FALSE(read.packed());
  CHECK(read.tokens == first.tokens);
}

TEST_CASE("a Hugging Face directory has its cache inside") {
  const dunlin::test::TemporaryDirectory folder;
  const std::string path = folder.file("fairy");
  fs::copy(kFairyDirectory, path);
  const size_t n_before = n_files(path);
  const Start first = start(path, cpu_options(true));
  CHECK(first.packed());
  CHECK(fs::exists(path + "/model.dunlin-p16"));
  const Start second = start(path, cpu_options(true));
  CHECK_FALSE(second.packed());
  CHECK(second.tokens == first.tokens);
  CHECK(n_files(path) == n_before + 1);
  CHECK(n_files(folder.path()) == 1);
}

TEST_CASE(
    "models of one name have caches of their own in the folder for what cannot stand beside its model") {
  const dunlin::test::TemporaryDirectory folder;
  EngineOptions options = cpu_options(true);
  options.pack_cache_folder = folder.file("cache");
  for (const char* name : {"a", "b"}) {
    fs::create_directory(folder.file(name));
    const std::string path = folder.file(name) + "/fairy.gguf";
    fs::copy_file(kFairyGguf, path);
    // A folder in the place of the cache makes it impossible to write there, for root too.
    fs::create_directory(path + ".dunlin-p16");
    CHECK(start(path, options).packed());
    CHECK_FALSE(start(path, options).packed());
    CHECK(n_files(folder.file(name)) == 2);
  }
  CHECK(n_files(folder.file("cache")) == 2);
}

TEST_CASE("a stopped load leaves no file") {
  const dunlin::test::TemporaryDirectory folder;
  const std::string path = folder.file("fairy.gguf");
  fs::copy_file(kFairyGguf, path);
  const auto model = open_model(path);
  const auto stop_half_way = [](uint64_t done, uint64_t total) { return done < total / 2; };
  const auto engine = Engine::create(model, test_registry(), cpu_options(true), Log(), stop_half_way);
  CHECK(engine.status().code() == StatusCode::kCancelled);
  CHECK(n_files(folder.path()) == 1);
}
