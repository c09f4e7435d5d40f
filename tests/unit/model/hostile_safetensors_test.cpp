// Damaged SafeTensors files, by truncation and by changing single bytes of a real header.
#include <catch2/catch.hpp>
#include <string>

#include "core/model/safetensors.h"
#include "platforms/file_map.h"
#include "tests/support/allocation_watch.h"

using namespace dunlin;
using namespace dunlin::test;

namespace {

constexpr const char* kPath = "tests/data/models/fairy-4m/model.safetensors";
constexpr const char* kSource = "hostile.safetensors";
constexpr size_t kHeaderEnd = 8 + 5320;
constexpr size_t kMaxAllocation = size_t(8) << 20;

TEST_CASE("Truncation of a SafeTensors file is an error") {
  const FileMap map = std::move(FileMap::open(kPath)).value();
  const auto bytes = map.bytes();
  int n_accepted = 0, n_unnamed = 0;
  const auto check_prefix = [&](size_t size) {
    const bool in_header = size <= kHeaderEnd;
    const std::vector<uint8_t> copy(bytes.begin(), bytes.begin() + std::ptrdiff_t(in_header ? size : 0));
    reset_largest_allocation();
    const auto file =
        SafetensorsFile::parse(in_header ? std::span<const uint8_t>(copy) : bytes.first(size), kSource);
    n_accepted += file.is_ok();
    n_unnamed += file.status().message().find(kSource) == std::string::npos;
    CHECK(largest_allocation() < kMaxAllocation);
  };
  for (size_t size = 0; size <= kHeaderEnd; ++size) check_prefix(size);
  for (size_t size = 8192; size < bytes.size(); size += 4096) check_prefix(size);
  check_prefix(bytes.size() - 1);
  CHECK(n_accepted == 0);
  CHECK(n_unnamed == 0);
  CHECK(SafetensorsFile::parse(bytes, kSource).is_ok());
}

TEST_CASE("Changing any byte of the header is an error or renames something") {
  const FileMap map = std::move(FileMap::open(kPath)).value();
  std::vector<uint8_t> bytes(map.bytes().begin(), map.bytes().end());
  const SafetensorsFile original = SafetensorsFile::parse(map.bytes(), kSource).value();
  int n_refused = 0, n_wrong = 0;
  for (size_t at = 0; at < kHeaderEnd; ++at) {
    const uint8_t before = bytes[at];
    bytes[at] = uint8_t(before ^ (at % 3 == 0 ? 0x80 : at % 3 == 1 ? 0x01 : 0x10));
    reset_largest_allocation();
    const auto file = SafetensorsFile::parse(bytes, kSource);
    CHECK(largest_allocation() < kMaxAllocation);
    n_refused += !file.is_ok();
    if (file.is_ok()) {
      // Whatever is accepted still covers the data with the same number of tensors.
      n_wrong +=
          file->tensors().size() != original.tensors().size() || file->tensors().back().end != bytes.size();
    } else {
      n_wrong += file.status().message().find(kSource) == std::string::npos;
    }
    bytes[at] = before;
  }
  CHECK(n_refused > 2000);
  CHECK(n_wrong == 0);
}

}  // namespace
