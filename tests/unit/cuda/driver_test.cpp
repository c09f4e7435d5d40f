// The driver: which ones are taken, what is said of others, and which errors mean that the device is lost.
#include "backends/cuda/driver.h"

#include <catch2/catch.hpp>

using namespace dunlin;
using namespace dunlin::cuda;

TEST_CASE("a driver of CUDA 12.0 has all that is looked for, whatever cuda.h this was built with") {
  const auto driver = Driver::load(DUNLIN_FAKE_DRIVER_12_0);
  INFO((driver.is_ok() ? "" : driver.message()));
  CHECK(driver.is_ok());
}

TEST_CASE("an older driver is refused for its version, not for a symbol") {
  const auto driver = Driver::load(DUNLIN_FAKE_DRIVER_11_4);
  REQUIRE_FALSE(driver.is_ok());
  CHECK(driver.status().code() == StatusCode::kNotFound);
  CHECK(driver.message().find("CUDA 11.4, at least 12.0") != std::string::npos);
}

TEST_CASE("no driver is not found, by its name") {
  const auto driver = Driver::load("libno-such-driver.so.1");
  REQUIRE_FALSE(driver.is_ok());
  CHECK(driver.status().code() == StatusCode::kNotFound);
  CHECK(driver.message().find("libno-such-driver.so.1") != std::string::npos);
}

// Source: cuda.h, the errors of CUresult behind which "the process must be terminated and relaunched".
TEST_CASE("errors behind which the process must be started again are those of a lost device") {
  for (const int lost : {226, 700, 702, 714, 715, 716, 717, 718, 719, 721, 810}) {
    INFO("CUresult " << lost);
    CHECK(status_code(CUresult(lost)) == StatusCode::kDeviceLost);
  }
  CHECK(status_code(CUDA_ERROR_OUT_OF_MEMORY) == StatusCode::kResourceExhausted);
  CHECK(status_code(CUDA_ERROR_INVALID_VALUE) == StatusCode::kInternal);
}
