// Loads that end early, because the file shrinks or goes away between opening and loading, or because the
// caller stops them: an error that says so, on every device, and never a signal.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "tests/support/engines.h"
#include "tests/support/temporary_directory.h"

using namespace dunlin;
using namespace dunlin::testing;
using Catch::Matchers::Contains;

namespace {

std::shared_ptr<const Model> open_copy(const std::string& path, bool preload = false) {
  auto model = Model::open(path, {.preload = preload}, Log());
  INFO(model.status().message());
  REQUIRE(model.is_ok());
  return std::move(model).value();
}

Result<std::unique_ptr<Engine>> load(std::shared_ptr<const Model> model, const std::string& device) {
  EngineOptions options;
  options.device = device;
  return Engine::create(std::move(model), test_registry(), options, Log());
}

void check_shrunk(const std::string& path, const std::string& device, std::shared_ptr<const Model> model) {
  const auto engine = load(std::move(model), device);
  INFO(device);
  REQUIRE_FALSE(engine.is_ok());
  CHECK(engine.status().code() == StatusCode::kIo);
  CHECK_THAT(engine.status().message(), Contains(path) && Contains("became shorter"));
}

TEST_CASE("a GGUF file that shrinks before its weights are read is an error", "[engine]") {
  const test::TemporaryDirectory directory;
  const std::string path = directory.file("model.gguf");
  for (const std::string& device : device_ids()) {
    for (const uint64_t size : {uint64_t(0), uint64_t(1'000'000), uint64_t(2'800'000)}) {
      std::filesystem::copy_file(kFairyGguf, path, std::filesystem::copy_options::overwrite_existing);
      const auto model = open_copy(path);
      std::filesystem::resize_file(path, size);
      check_shrunk(path, device, model);
    }
  }
}

TEST_CASE("a SafeTensors file that shrinks before its weights are read is an error", "[engine]") {
  const test::TemporaryDirectory directory;
  std::filesystem::copy(kFairyDirectory, directory.path(), std::filesystem::copy_options::recursive);
  const std::string weights = directory.file("model.safetensors");
  const uint64_t size = std::filesystem::file_size(weights);
  for (const std::string& device : device_ids()) {
    std::filesystem::copy_file(str_cat(kFairyDirectory, "/model.safetensors"), weights,
                               std::filesystem::copy_options::overwrite_existing);
    const auto model = open_copy(directory.path());
    std::filesystem::resize_file(weights, size / 2);
    check_shrunk(weights, device, model);
  }
}

TEST_CASE("a load that is stopped leaves nothing behind that the next one meets", "[engine]") {
  const auto model = open_copy(kFairyGguf);
  for (const std::string& device : device_ids()) {
    INFO(device);
    EngineOptions options;
    options.device = device;
    for (const uint64_t part : {uint64_t(1000), uint64_t(2)}) {
      const auto stop = [&](uint64_t done, uint64_t total) { return done < total / part; };
      const auto stopped = Engine::create(model, test_registry(), options, Log(), stop);
      REQUIRE_FALSE(stopped.is_ok());
      CHECK(stopped.status().code() == StatusCode::kCancelled);
    }
    CHECK(load(model, device).is_ok());
  }
}

TEST_CASE("a preloaded model and a removed one load", "[engine]") {
  const test::TemporaryDirectory directory;
  const std::string path = directory.file("model.gguf");
  std::filesystem::copy_file(kFairyGguf, path);
  const auto preloaded = open_copy(path, true);
  const auto removed = open_copy(path);
  std::filesystem::remove(path);
  for (const std::string& device : exact_device_ids()) {
    INFO(device);
    CHECK(load(removed, device).is_ok());
  }
  std::ofstream(path) << "another file";
  CHECK(load(preloaded, "auto").is_ok());
}

}  // namespace
