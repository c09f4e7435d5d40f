#include "core/model/safetensors.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/support/temporary_directory.h"
#include "tests/unit/model/safetensors_file.h"

using namespace dunlin;
using Catch::Matchers::Contains;
using test::safetensors_bytes;

namespace {

std::string error_of(std::string_view header, size_t data_bytes = 16) {
  const auto bytes = safetensors_bytes(header, data_bytes);
  return SafetensorsFile::parse(bytes, "m.safetensors").status().message();
}

TEST_CASE("SafeTensors headers give names, types, shapes and bytes") {
  const auto bytes = safetensors_bytes(
      R"({"b":{"dtype":"F32","shape":[2],"data_offsets":[8,16]},"__metadata__":{"format":"pt"},)"
      R"("a":{"data_offsets":[0,8],"shape":[2,2],"dtype":"BF16"}}   )",
      16);
  const SafetensorsFile file = SafetensorsFile::parse(bytes, "m.safetensors").value();
  REQUIRE(file.tensors().size() == 2);
  CHECK(file.tensors()[0].name == "a");
  const TensorSource a = file.as_weight(file.tensors()[0]).value();
  CHECK(a.type == DType::kBF16);
  CHECK(a.shape == Shape{2, 2});
  CHECK(a.bytes() == 8);
  CHECK(bytes[file.tensors()[0].end - 1] == 7);
  const TensorSource b = file.as_weight(file.tensors()[1]).value();
  CHECK(b.type == DType::kF32);
  CHECK(bytes[file.tensors()[1].begin] == 8);
}

TEST_CASE("Empty tensors and scalars are legal in a file, but no weights") {
  const auto bytes = safetensors_bytes(R"({"none":{"dtype":"F32","shape":[0,9],"data_offsets":[0,0]},)"
                                       R"("one":{"dtype":"F32","shape":[],"data_offsets":[0,4]},)"
                                       R"("int":{"dtype":"I64","shape":[1],"data_offsets":[4,12]}})",
                                       12);
  const SafetensorsFile file = SafetensorsFile::parse(bytes, "m.safetensors").value();
  REQUIRE(file.tensors().size() == 3);
  CHECK_THAT(file.as_weight(file.tensors()[0]).message(), Contains("'none'") && Contains("empty dimension"));
  CHECK_THAT(file.as_weight(file.tensors()[1]).message(), Contains("'one'") && Contains("0 dimensions"));
  CHECK_THAT(file.as_weight(file.tensors()[2]).message(), Contains("'int'") && Contains("dtype I64"));
}

TEST_CASE("SafeTensors ranges must cover the data exactly") {
  const auto two = [](const char* a, const char* b) {
    return std::string(R"({"a":{"dtype":"U8","shape":[8],"data_offsets":)") + a +
           R"(},"b":{"dtype":"U8","shape":[8],"data_offsets":)" + b + "}}";
  };
  CHECK(error_of(two("[0,8]", "[8,16]")).empty());
  CHECK_THAT(error_of(two("[0,8]", "[7,15]")), Contains("'b'") && Contains("8 is expected"));
  CHECK_THAT(error_of(two("[0,8]", "[9,17]"), 17), Contains("'b'") && Contains("9"));
  CHECK_THAT(error_of(two("[0,8]", "[8,16]"), 17), Contains("cover 16 of 17"));
  CHECK_THAT(error_of(two("[0,8]", "[9,17]")), Contains("do not fit in 16"));
  CHECK_THAT(error_of(two("[8,0]", "[8,16]")), Contains("'a'") && Contains("do not fit"));
  CHECK_THAT(error_of(two("[0,7]", "[7,16]")), Contains("need 8 bytes, data_offsets give 7"));
}

TEST_CASE("A product of dimensions that wraps to zero is caught") {
  CHECK_THAT(error_of(R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}})", 0),
             Contains("'a'") && Contains("overflows"));
  CHECK_THAT(error_of(R"({"a":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,0]}})", 0),
             Contains("overflows"));
}

TEST_CASE("SafeTensors headers of another structure are refused") {
  const char* const kBad[] = {
      R"({"a":{"dtype":"U8","shape":[16],"data_offsets":[0,16]},"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})",
      R"({"a":{"dtype":"U8","dtype":"U8","shape":[16],"data_offsets":[0,16]}})",
      R"({"a":{"dtype":"U8","shape":[16]}})",
      R"({"a":{"shape":[16],"data_offsets":[0,16]}})",
      R"({"a":{"dtype":"U8","data_offsets":[0,16]}})",
      R"({"a":{"dtype":"U8","shape":[16],"data_offsets":[0,16],"extra":1}})",
      R"({"a":{"dtype":"U8","shape":[16],"data_offsets":[0]}})",
      R"({"a":{"dtype":"U8","shape":[16],"data_offsets":[0,16,16]}})",
      R"({"a":{"dtype":"U8","shape":[-16],"data_offsets":[0,16]}})",
      R"({"a":{"dtype":"U8","shape":[16.0],"data_offsets":[0,16]}})",
      R"({"a":{"dtype":"U8","shape":["16"],"data_offsets":[0,16]}})",
      R"({"a":{"dtype":"U8","shape":[[16]],"data_offsets":[0,16]}})",
      R"({"a":{"dtype":"U8","shape":[1,1,1,1,1,1,1,1,16],"data_offsets":[0,16]}})",
      R"({"a":{"dtype":"U8","shape":16,"data_offsets":[0,16]}})",
      R"({"a":{"dtype":["U8"],"shape":[16],"data_offsets":[0,16]}})",
      R"({"a":{"dtype":null,"shape":[16],"data_offsets":[0,16]}})",
      R"({"a":{"dtype":"F7","shape":[16],"data_offsets":[0,16]}})",
      R"({"a":{"dtype":"U8","shape":[16],"data_offsets":{"begin":0}}})",
      R"({"a":{"dtype":"U8","shape":[18446744073709551616],"data_offsets":[0,16]}})",
      R"({"a":[]})",
      R"({"a":1})",
      R"({"a":"b"})",
      R"({"__metadata__":{"a":1}})",
      R"({"__metadata__":{"a":{"b":"c"}}})",
      R"({"__metadata__":{},"__metadata__":{}})",
      R"({"a":{"dtype":"U8","shape":[16],"data_offsets":[0,16]})",
      R"({"a":{"dtype":"U8","shape":[16],"data_offsets":[0,16]}}})",
      R"([])",
      R"( {})",
      R"({)",
      "",
      "{\"\xff\":{}}",
  };
  for (const char* header : kBad) {
    CAPTURE(header);
    CHECK_THAT(error_of(header), Contains("m.safetensors: "));
  }
}

TEST_CASE("Messages on SafeTensors headers hold no bytes of the header but escaped and short ones") {
  const std::string long_key(2'000'000, 'k');
  const std::vector<std::string> headers = {"{\"" + long_key + "\xff", "{\"\x1b[31m\n\xff",
                                            "{\"" + long_key + "\":1}", "{\"\x1b\":1}"};
  for (const std::string& header : headers) {
    const std::string message = error_of(header);
    CAPTURE(message.substr(0, 200));
    CHECK(message.size() < 200);
    CHECK(std::all_of(message.begin(), message.end(), [](char c) { return c >= ' ' && c <= '~'; }));
  }
}

TEST_CASE("A header longer than the file is refused before it is read") {
  auto bytes = safetensors_bytes("{}", 0);
  bytes[5] = 1;
  CHECK_THAT(SafetensorsFile::parse(bytes, "m").message(),
             Contains("offset 0") && Contains("2 bytes follow"));
}

constexpr const char* kShardA = R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
constexpr const char* kShardB = R"({"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";

std::string index_error(std::string_view weight_map) {
  const test::TemporaryDirectory directory;
  directory.write("one.safetensors", safetensors_bytes(kShardA, 8));
  directory.write("two.safetensors", safetensors_bytes(kShardB, 8));
  directory.write("model.safetensors.index.json",
                  str_cat(R"({"metadata":{"total_size":16},"weight_map":)", weight_map, "}"));
  const auto parts = open_safetensors_directory(directory.path(), {});
  return parts.status().message();
}

TEST_CASE("Shards are found by the index, which must agree with them") {
  CHECK(index_error(R"({"a":"one.safetensors","b":"two.safetensors"})").empty());
  const std::string file = "model.safetensors.index.json";
  CHECK_THAT(index_error(R"({"a":"one.safetensors","b":"one.safetensors"})"),
             Contains(file) && Contains("'b'"));
  CHECK_THAT(index_error(R"({"a":"two.safetensors","b":"two.safetensors"})"),
             Contains(file) && Contains("'a', which 'two.safetensors' does not have"));
  CHECK_THAT(index_error(R"({"a":"one.safetensors","b":"two.safetensors","c":"two.safetensors"})"),
             Contains(file) && Contains("'c'"));
  CHECK_THAT(index_error(R"({"a":"one.safetensors","b":"gone.safetensors"})"), Contains("gone.safetensors"));
  CHECK(index_error(R"({"a":"one.safetensors"})").empty());
  CHECK_THAT(index_error(R"({})"), Contains("weight_map is empty"));
  CHECK_THAT(index_error(R"({"a":1})"), Contains("'a' is no file name"));
  CHECK_THAT(index_error(R"([])"), Contains("weight_map"));
}

TEST_CASE("Shards outside the directory are refused") {
  for (const char* name :
       {"../one.safetensors", "/etc/passwd", "..", ".", "", "x/one.safetensors", "x\\\\y", "c:one"}) {
    CAPTURE(name);
    CHECK_THAT(index_error(str_cat(R"({"a":")", name, R"("})")), Contains("plain file name"));
  }
}

}  // namespace
