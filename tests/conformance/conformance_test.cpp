// Every op on every device of this machine against the reference.
#include <catch2/catch.hpp>
#include <iostream>

#include "backends/builtin.h"
#include "tests/conformance/op_case.h"
#include "tools/ops/case_weights.h"

using namespace dunlin;
using namespace dunlin::testing;

namespace {

std::unique_ptr<Device> open_device(const Registry& registry, const std::string& id, int32_t n_threads) {
  const auto info = registry.find(id);
  REQUIRE(info.is_ok());
  auto device = registry.open(*info, {n_threads, n_threads, Log()});
  INFO((device.is_ok() ? "" : device.message()));
  REQUIRE(device.is_ok());
  return std::move(device).value();
}

// docs/numerics.md: a GPU keeps types that have no plane of their own as F16.
double tolerance(const OpCase& c, const DeviceInfo& info) {
  return info.kind == DeviceKind::kGpu ? std::max(c.nmse, ops::kGpuF16Nmse) : c.nmse;
}

}  // namespace

TEST_CASE("every op on every device agrees with the reference") {
  const Registry registry = make_builtin_registry();
  const auto reference = open_device(registry, "reference", 1);
  for (const DeviceInfo& info : registry.enumerate()) {
    const auto device = open_device(registry, info.id, 2);
    for (const OpCase& c : all_cases()) {
      INFO(c.name << " on " << info.id);
      // A NaN compares false.
      CHECK(ops::nmse(run_case(c, *device), run_case(c, *reference)) <= tolerance(c, info));
    }
  }
}

TEST_CASE("a plan for one row agrees with the reference") {
  const Registry registry = make_builtin_registry();
  const auto reference = open_device(registry, "reference", 1);
  for (const DeviceInfo& info : registry.enumerate()) {
    const auto device = open_device(registry, info.id, 2);
    for (OpCase c : all_cases()) {
      INFO(c.name << " on " << info.id);
      // Over a block's border where the case has a cache, over three steps where it has none.
      c.steps.assign(c.name.starts_with("attention") ? 70 : 3, {{0, 1}});
      CHECK(ops::nmse(run_case(c, *device, 1), run_case(c, *reference, 1)) <= tolerance(c, info));
    }
  }
}

// A device may have a kernel of its own for each capacity.
TEST_CASE("plans of every bucket agree with the reference") {
  const Registry registry = make_builtin_registry();
  const auto reference = open_device(registry, "reference", 1);
  for (const DeviceInfo& info : registry.enumerate()) {
    const auto device = open_device(registry, info.id, 2);
    for (const int32_t n_rows : device->bucket_rows()) {
      if (n_rows == 1) continue;  // above
      for (OpCase c : all_cases()) {
        if (c.name.starts_with("attention")) continue;
        INFO(c.name << " on " << info.id << ", " << n_rows << " rows");
        c.steps = {{{0, n_rows}}, {{0, 1}}, {{0, n_rows / 2 + 1}}};
        CHECK(ops::nmse(run_case(c, *device, n_rows), run_case(c, *reference, n_rows)) <= tolerance(c, info));
      }
    }
  }
}

TEST_CASE("results do not depend on the number of threads") {
  const Registry registry = make_builtin_registry();
  for (const DeviceInfo& info : registry.enumerate()) {
    if (info.kind != DeviceKind::kCpu) continue;
    const auto one = open_device(registry, info.id, 1), three = open_device(registry, info.id, 3);
    for (const OpCase& c : all_cases()) {
      INFO(c.name << " on " << info.id);
      CHECK(run_case(c, *one) == run_case(c, *three));
    }
  }
}

TEST_CASE("devices that are not here are named") {
  const Registry registry = make_builtin_registry();
  for (const char* id : {"cpu:avx512vnni", "cpu:avxvnni", "cpu:avx2", "cpu:neon_i8mm", "cpu:neon_dotprod",
                         "cpu:generic", "cuda:0", "cuda:0-eager", "cuda:0-mma"})
    if (!registry.find(id).is_ok()) std::cerr << "skipped: this machine cannot run " << id << '\n';
  CHECK(registry.find("cpu:generic").is_ok());
}
