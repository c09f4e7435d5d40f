#include "core/model/gguf.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <string>

#include "core/model/gguf_writer.h"
#include "platforms/file_map.h"
#include "tests/support/temporary_directory.h"

using namespace dunlin;
using Catch::Matchers::Contains;

namespace {

std::vector<uint8_t> write(const GgufWriter& writer) {
  return std::move(writer.write_to_memory()).value();
}

std::vector<uint8_t> file_with_every_type() {
  GgufWriter w;
  w.set_u16("n.u16", 65535);
  w.set_u32("n.u32", 7);
  w.set_i32("n.i32", -7);
  const std::vector<uint8_t> largest(sizeof(uint64_t), 0xff);
  w.copy({"n.u64", GgufType::kU64, GgufType::kU64, 1, largest});
  w.set_f32("n.f32", 0.5f);
  w.set_bool("b", true);
  w.set_string("s", "text with \n and \xff");
  const std::vector<std::string_view> strings = {"", "one", "two"};
  w.set_string_array("a.string", strings);
  const std::vector<int32_t> i32 = {-1, 0, 2147483647};
  w.set_i32_array("a.i32", i32);
  const std::vector<uint32_t> u32 = {1, 4294967295u};
  w.set_u32_array("a.u32", u32);
  const std::vector<float> f32 = {0.25f, -1.0f};
  w.set_f32_array("a.f32", f32);
  return write(w);
}

TEST_CASE("GGUF metadata keeps its values, types and order") {
  const auto bytes = file_with_every_type();
  const GgufFile file = GgufFile::parse(bytes, "types.gguf").value();
  CHECK(file.version() == 3);
  CHECK(file.entries().size() == 11);
  CHECK(file.entries()[0].key == "n.u16");
  CHECK(file.entries()[10].key == "a.f32");
  CHECK(file.get_u64("n.u16").value() == 65535);
  CHECK(file.get_u64("n.u32").value() == 7);
  CHECK(file.get_i64("n.i32").value() == -7);
  CHECK(file.get_u64("n.u64").value() == UINT64_MAX);
  CHECK(file.get_f64("n.f32").value() == 0.5);
  CHECK(file.get_bool("b").value());
  CHECK(file.get_string("s").value() == "text with \n and \xff");
  CHECK(file.get_string_array("a.string").value() == std::vector<std::string_view>{"", "one", "two"});
  CHECK(file.get_i32_array("a.i32").value() == std::vector<int32_t>{-1, 0, 2147483647});
  CHECK(file.get_f32_array("a.f32").value() == std::vector<float>{0.25f, -1.0f});
  CHECK(file.has("b"));
  CHECK_FALSE(file.has("c"));
}

TEST_CASE("GGUF getters name key, both types and file") {
  const auto bytes = file_with_every_type();
  const GgufFile file = GgufFile::parse(bytes, "types.gguf").value();
  CHECK(file.get_u64("s").message() ==
        "types.gguf: metadata key 's' is string; an integer (u64) is expected");
  CHECK_THAT(file.get_u64("n.i32").message(), Contains("the value -7 (i32) does not fit u64"));
  CHECK_THAT(file.get_i64("n.u64").message(),
             Contains("the value 18446744073709551615 (u64) does not fit i64"));
  CHECK_THAT(file.get_i32_array("a.u32").message(), Contains("4294967295"));
  CHECK_THAT(file.get_u64("a.i32").message(), Contains("is array of i32"));
  CHECK_THAT(file.get_f64("n.u32").message(), Contains("a float"));
  CHECK_THAT(file.get_bool("n.u32").message(), Contains("bool is expected"));
  CHECK_THAT(file.get_string("b").message(), Contains("is bool"));
  CHECK_THAT(file.get_string_array("s").message(), Contains("array of string is expected"));
  CHECK_THAT(file.get_string_array("a.f32").message(), Contains("array of f32"));
  CHECK(file.get_u64("absent").status().code() == StatusCode::kNotFound);
  CHECK_THAT(file.get_u64("absent").message(), Contains("'absent' is missing"));
}

TEST_CASE("GGUF defaults stand for missing keys only") {
  const auto bytes = file_with_every_type();
  const GgufFile file = GgufFile::parse(bytes, "types.gguf").value();
  CHECK(file.get_u64_or("absent", 3).value() == 3);
  CHECK(file.get_u64_or("n.u32", 3).value() == 7);
  CHECK(file.get_i64_or("absent", -3).value() == -3);
  CHECK(file.get_f64_or("absent", 1.5).value() == 1.5);
  CHECK_FALSE(file.get_bool_or("absent", false).value());
  CHECK(file.get_string_or("absent", "x").value() == "x");
  CHECK_FALSE(file.get_u64_or("s", 3).is_ok());
  CHECK_FALSE(file.get_string_or("b", "x").is_ok());
}

TEST_CASE("GGUF tensors have reversed shapes, aligned offsets and their own bytes") {
  GgufWriter w(64);
  const std::vector<uint8_t> a(2 * 3 * 4, 1);
  const std::vector<uint8_t> b(5 * 34, 2);
  REQUIRE(w.add_tensor("a", {DType::kF32, {2, 3}, a}).is_ok());
  REQUIRE(w.add_tensor("b", {DType::kQ8_0, {5, 32}, b}).is_ok());
  const auto bytes = write(w);
  const GgufFile file = GgufFile::parse(bytes, "tensors.gguf").value();
  CHECK(file.alignment() == 64);
  REQUIRE(file.tensors().size() == 2);
  const GgufTensor& first = file.tensors()[0];
  const GgufTensor& second = *file.find_tensor("b");
  CHECK(first.shape == Shape{2, 3});
  CHECK(second.shape == Shape{5, 32});
  CHECK(second.type == DType::kQ8_0);
  CHECK(first.offset % 64 == 0);
  CHECK(second.offset == first.offset + 64);
  CHECK(second.bytes == b.size());
  CHECK(std::equal(b.begin(), b.end(), bytes.begin() + int64_t(second.offset)));
  CHECK(file.find_tensor("c") == nullptr);
}

TEST_CASE("GGUF version 2 is read like version 3, others are refused by name") {
  auto bytes = file_with_every_type();
  const auto parse_as = [&](uint32_t version) {
    std::memcpy(bytes.data() + 4, &version, sizeof version);
    return GgufFile::parse(bytes, "v.gguf");
  };
  CHECK(parse_as(2).value().get_u64("n.u32").value() == 7);
  CHECK_THAT(parse_as(1).message(), Contains("GGUF version 1"));
  CHECK_THAT(parse_as(4).message(), Contains("GGUF version 4"));
  CHECK_THAT(parse_as(3u << 24).message(), Contains("big-endian"));
}

TEST_CASE("The last tensor may end without padding") {
  GgufWriter w;
  const std::vector<uint8_t> data(4, 1);
  REQUIRE(w.add_tensor("a", {DType::kF32, {1}, data}).is_ok());
  auto bytes = write(w);
  bytes.resize(bytes.size() - 28);
  CHECK(GgufFile::parse(bytes, "short.gguf").is_ok());
  bytes.resize(bytes.size() - 1);
  CHECK_THAT(GgufFile::parse(bytes, "short.gguf").message(), Contains("'a'") && Contains("do not fit"));
}

TEST_CASE("A vocabulary of 150,000 strings is parsed as views into the file") {
  std::vector<std::string> texts;
  for (int i = 0; i < 150'000; ++i) texts.push_back(str_cat("token", i));
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  GgufWriter w;
  w.set_string_array("tokenizer.ggml.tokens", views);
  const auto bytes = write(w);
  const GgufFile file = GgufFile::parse(bytes, "vocabulary.gguf").value();
  const auto tokens = file.get_string_array("tokenizer.ggml.tokens").value();
  REQUIRE(tokens.size() == texts.size());
  CHECK(tokens[149'999] == "token149999");
  CHECK(reinterpret_cast<const uint8_t*>(tokens[0].data()) > bytes.data());
  CHECK(reinterpret_cast<const uint8_t*>(tokens[0].data()) < bytes.data() + bytes.size());
}

TEST_CASE("The writer streams what producers give, and copies metadata of another file") {
  const auto bytes = file_with_every_type();
  const GgufFile from = GgufFile::parse(bytes, "from.gguf").value();
  GgufWriter w;
  for (const GgufEntry& entry : from.entries()) w.copy(entry);
  w.set_u32("n.u32", 8);
  REQUIRE(w.add_tensor("pieces", DType::kF32, {2, 2}, [](const GgufWriter::Append& append) {
             for (uint8_t i = 0; i < 4; ++i) {
               const std::vector<uint8_t> piece(4, i);
               DUNLIN_RETURN_IF_ERROR(append(piece));
             }
             return Status::ok();
           }).is_ok());
  const test::TemporaryDirectory directory;
  REQUIRE(w.write(directory.file("out.gguf")).is_ok());

  const FileMap map = std::move(FileMap::open(directory.file("out.gguf"))).value();
  const GgufFile file = GgufFile::parse(map.bytes(), map.path()).value();
  CHECK(file.entries().size() == 11);
  CHECK(file.get_u64("n.u32").value() == 8);
  CHECK(file.get_string_array("a.string").value() == from.get_string_array("a.string").value());
  CHECK(map.bytes()[file.tensors()[0].offset + 15] == 3);
}

TEST_CASE("The writer refuses what no reader accepts") {
  GgufWriter w;
  const auto produce = [](const GgufWriter::Append&) { return Status::ok(); };
  CHECK_THAT(w.add_tensor("", DType::kF32, {1}, produce).message(), Contains("the name has 0 bytes"));
  CHECK_THAT(w.add_tensor(std::string(64, 'x'), DType::kF32, {1}, produce).message(), Contains("64 bytes"));
  CHECK_THAT(w.add_tensor("a", DType::kQ4_K, {2, 255}, produce).message(), Contains("multiple of 256"));
  CHECK_FALSE(w.add_tensor("a", DType::kF32, {2, 0}, produce).is_ok());
  CHECK_FALSE(w.add_tensor("a", DType::kF32, {}, produce).is_ok());
  REQUIRE(w.add_tensor("a", DType::kF32, {1}, produce).is_ok());
  CHECK_THAT(w.add_tensor("a", DType::kF32, {1}, produce).message(), Contains("added already"));
  CHECK_THAT(w.write_to_memory().message(), Contains("'a': 0 of its 4 bytes"));
}

TEST_CASE("A failed write leaves the old file and nothing else") {
  const test::TemporaryDirectory directory;
  const std::string path = directory.write("model.gguf", std::string_view("old"));
  GgufWriter w;
  REQUIRE(w.add_tensor("a", DType::kF32, {1}, [](const GgufWriter::Append&) {
             return Status::io("the source broke");
           }).is_ok());
  CHECK_THAT(w.write(path).message(), Contains("'a'") && Contains("the source broke"));
  CHECK(FileMap::open(path).value().bytes().size() == 3);
  const auto entries = std::filesystem::directory_iterator(directory.path());
  CHECK(std::distance(begin(entries), end(entries)) == 1);
  CHECK_THAT(w.write(directory.file("absent/model.gguf")).message(), Contains("absent/model.gguf"));
}

}  // namespace
