#include "core/model/gguf_split.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <map>

#include "core/model/gguf_writer.h"
#include "core/model/model_files.h"
#include "tests/support/temporary_directory.h"
#include "tests/unit/model/tiny_model.h"

using namespace dunlin;
using Catch::Matchers::Contains;

namespace {

struct SplitEdit {
  uint16_t no_of_second = 1;
  uint16_t count_of_second = 3;
  int32_t tensors_count = -1;  // -1: the truth
  bool repeat_tensor = false;
};

// The tiny model in three parts, the first without tensors.
void write_split(const test::TemporaryDirectory& directory, const SplitEdit& edit = {}) {
  const test::TinyOptions all;
  const auto tensors = test::tiny_tensors(all);
  const size_t half = tensors.size() / 2;
  for (uint16_t part = 0; part < 3; ++part) {
    GgufWriter w;
    test::TinyOptions options;
    options.edit = [&](const std::string& name, Shape&, DType&) {
      if (part == 0) return false;
      size_t i = 0;
      while (tensors[i].name != name) ++i;
      if (edit.repeat_tensor && i == 0) return true;
      return part == 1 ? i < half : i >= half;
    };
    if (part == 0) test::set_tiny_metadata(w, options);
    w.set_u16("split.no", part == 1 ? edit.no_of_second : part);
    w.set_u16("split.count", part == 1 ? edit.count_of_second : uint16_t(3));
    w.set_i32("split.tensors.count", edit.tensors_count < 0 ? int32_t(tensors.size()) : edit.tensors_count);
    test::add_tiny_tensors(w, options);
    REQUIRE(w.write(directory.file(str_cat("tiny-0000", part + 1, "-of-00003.gguf"))).is_ok());
  }
}

std::string error_of(const SplitEdit& edit) {
  const test::TemporaryDirectory directory;
  write_split(directory, edit);
  return open_gguf_parts(directory.file("tiny-00001-of-00003.gguf"), {}).status().message();
}

TEST_CASE("Names of parts are taken apart and put together") {
  const auto name = GgufSplitName::parse("a/b-00002-of-00010.gguf");
  REQUIRE(name);
  CHECK(name->prefix == "a/b");
  CHECK(name->number == 2);
  CHECK(name->count == 10);
  CHECK(name->path_of(10) == "a/b-00010-of-00010.gguf");
  for (const char* other :
       {"b.gguf", "b-00002-of-00010.bin", "b-00011-of-00010.gguf", "b-00000-of-00010.gguf",
        "b-0002-of-00010.gguf", "b-+0002-of-00010.gguf", "b-00002_of_00010.gguf"})
    CHECK_FALSE(GgufSplitName::parse(other));
}

TEST_CASE("Any part opens the whole split model") {
  const test::TemporaryDirectory directory;
  write_split(directory);
  for (int part = 1; part <= 3; ++part) {
    const auto model = open_model_files(directory.file(str_cat("tiny-0000", part, "-of-00003.gguf")), Log());
    REQUIRE(model.is_ok());
    CHECK(model->gguf_parts.size() == 3);
    CHECK(model->gguf()->has("general.architecture"));
    CHECK(model->config.n_layer == 2);
    CHECK_FALSE(model->config.tied_embeddings);
    CHECK(model->weights.at("blk.1.ffn_down.weight").source == directory.file("tiny-00003-of-00003.gguf"));
  }
}

// How often each file of a directory is opened, as the system tells.
class OpenCounter {
 public:
  explicit OpenCounter(const std::string& directory) : queue_(inotify_init1(IN_NONBLOCK)) {
    REQUIRE(inotify_add_watch(queue_, directory.c_str(), IN_OPEN) >= 0);
  }
  ~OpenCounter() { close(queue_); }
  std::map<std::string, int> counts() const {
    std::map<std::string, int> out;
    alignas(inotify_event) char events[4096];
    for (ssize_t n; (n = read(queue_, events, sizeof events)) > 0;)
      for (ssize_t at = 0; at < n;) {
        const auto* event = reinterpret_cast<const inotify_event*>(events + at);
        if (event->len > 0) ++out[event->name];
        at += ssize_t(sizeof(inotify_event) + event->len);
      }
    return out;
  }

 private:
  int queue_;
};

TEST_CASE("Every part of a split model is opened once, also the named one") {
  const test::TemporaryDirectory directory;
  write_split(directory);
  for (int part = 1; part <= 3; ++part) {
    const OpenCounter opened(directory.path());
    const auto parts =
        open_gguf_parts(directory.file(str_cat("tiny-0000", part, "-of-00003.gguf")), {.preload = true});
    REQUIRE(parts.is_ok());
    CHECK(opened.counts() == std::map<std::string, int>{{"tiny-00001-of-00003.gguf", 1},
                                                        {"tiny-00002-of-00003.gguf", 1},
                                                        {"tiny-00003-of-00003.gguf", 1}});
    for (size_t i = 0; i < 3; ++i)
      CHECK((*parts)[i].input->path().ends_with(str_cat(i + 1, "-of-00003.gguf")));
  }
}

TEST_CASE("A split model that does not fit together is refused") {
  CHECK_THAT(error_of({.no_of_second = 2}),
             Contains("tiny-00002-of-00003.gguf") && Contains("part 2 (from 0)"));
  CHECK_THAT(error_of({.count_of_second = 4}), Contains("tiny-00002-of-00003.gguf") && Contains("of 4"));
  CHECK_THAT(error_of({.tensors_count = 7}), Contains("split.tensors.count") && Contains("is 7"));
  CHECK_THAT(error_of({.tensors_count = 22, .repeat_tensor = true}),
             Contains("'token_embd.weight' occurs in two"));
}

TEST_CASE("A missing part and a renamed part are named") {
  const test::TemporaryDirectory directory;
  write_split(directory);
  const std::string first = directory.file("tiny-00001-of-00003.gguf");
  std::filesystem::rename(directory.file("tiny-00003-of-00003.gguf"), directory.file("part3.gguf"));
  CHECK_THAT(open_gguf_parts(first, {}).message(),
             Contains("part 3 of 3") && Contains("tiny-00003-of-00003.gguf") && Contains("no such file"));
  CHECK_THAT(open_gguf_parts(directory.file("part3.gguf"), {}).message(), Contains("-00001-of-0000N.gguf"));
}

}  // namespace
