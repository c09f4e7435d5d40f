#include "platforms/dynamic_library.h"

#include <catch2/catch.hpp>
#include <utility>

namespace dunlin {
namespace {

TEST_CASE("a function of a library that is there") {
  DynamicLibrary library = DynamicLibrary::open("libm.so.6").value();
  CHECK(library.name() == "libm.so.6");
  const DynamicLibrary moved = std::move(library);
  double (*cosine)(double) = nullptr;
  REQUIRE(moved.bind("cos", cosine).is_ok());
  CHECK(cosine(0.0) == 1.0);
}

TEST_CASE("a missing library and a missing function are named") {
  const auto missing = DynamicLibrary::open("libdunlin-no-such-driver.so.1");
  REQUIRE_FALSE(missing.is_ok());
  CHECK(missing.status().code() == StatusCode::kNotFound);
  CHECK_THAT(missing.message(), Catch::Contains("libdunlin-no-such-driver.so.1"));

  const DynamicLibrary library = DynamicLibrary::open("libm.so.6").value();
  void (*function)() = nullptr;
  const Status status = library.bind("dunlin_no_such_function", function);
  CHECK(status.code() == StatusCode::kNotFound);
  CHECK(function == nullptr);
  CHECK_THAT(status.message(), Catch::Contains("libm.so.6") && Catch::Contains("dunlin_no_such_function"));
}

}  // namespace
}  // namespace dunlin
