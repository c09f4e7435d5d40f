// Every op on every device of this machine against the reference.
#include <catch2/catch.hpp>
#include <iostream>
#include <map>

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

struct OpenDevice {
  DeviceInfo info;
  std::unique_ptr<Device> device;
};

// All of this machine but the reference.
std::vector<OpenDevice> open_devices(const Registry& registry) {
  std::vector<OpenDevice> devices;
  for (const DeviceInfo& info : registry.enumerate())
    if (info.id != "reference") devices.push_back({info, open_device(registry, info.id, 2)});
  return devices;
}

// From a plan for steps of so many rows.
void check_case(const OpCase& c, int32_t n_rows, Device& reference, const std::vector<OpenDevice>& devices) {
  const std::vector<float> expected = run_case(c, reference, n_rows);
  for (const auto& [info, device] : devices) {
    INFO(c.name << " on " << info.id << ", " << n_rows << " rows");
    if (!runs_case(c, *device)) continue;
    // A NaN compares false.
    CHECK(ops::nmse(run_case(c, *device, n_rows), expected) <= tolerance(c, info));
  }
}

void check_cases(const std::vector<OpCase>& cases, int32_t n_rows) {
  const Registry registry = make_builtin_registry();
  const auto reference = open_device(registry, "reference", 1);
  const auto devices = open_devices(registry);
  for (const OpCase& c : cases) check_case(c, n_rows, *reference, devices);
}

}  // namespace

TEST_CASE("every op on every device agrees with the reference") {
  check_cases(all_cases(), kCaseRows);
}

TEST_CASE("a plan for one row agrees with the reference") {
  std::vector<OpCase> cases = all_cases();
  // Over a block's border where the case has a cache, over three steps where it has none.
  for (OpCase& c : cases) c.steps.assign(c.name.starts_with("attention") ? 70 : 3, {{0, 1}});
  check_cases(cases, 1);
}

// A device may have a kernel of its own for each capacity.
TEST_CASE("plans of every bucket agree with the reference") {
  const Registry registry = make_builtin_registry();
  const auto reference = open_device(registry, "reference", 1);
  std::map<int32_t, std::vector<OpenDevice>> by_rows;
  for (OpenDevice& d : open_devices(registry))
    for (const int32_t n_rows : d.device->bucket_rows())
      if (n_rows > 1) by_rows[n_rows].push_back({d.info, open_device(registry, d.info.id, 2)});
  for (const auto& [n_rows, devices] : by_rows) {
    for (OpCase c : all_cases()) {
      c.steps = {{{0, n_rows}}, {{0, 1}}, {{0, n_rows / 2 + 1}}, {{0, 1}, {1, 1}, {2, 1}}};
      check_case(c, n_rows, *reference, devices);
    }
  }
}

TEST_CASE("attention over long contexts agrees with the reference") {
  check_cases(long_cases(), kCaseRows);
}

TEST_CASE("plans for long prompts agree with the reference") {
  check_cases(prompt_cases(), kPromptRows);
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
