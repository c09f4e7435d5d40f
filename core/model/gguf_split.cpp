#include "core/model/gguf_split.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <utility>

#include "core/model/file_front.h"
#include "core/model/printable.h"

namespace dunlin {
namespace {

constexpr size_t kDigits = 5;
constexpr std::string_view kOf = "-of-";
constexpr std::string_view kExtension = ".gguf";
constexpr uint32_t kMaxParts = 65535;  // split.count is a u16

std::optional<uint32_t> five_digits(std::string_view text) {
  uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string padded(uint32_t number) {
  const std::string digits = str_cat(number);
  return std::string(kDigits - std::min(kDigits, digits.size()), '0') + digits;
}

Result<GgufPart> open_part(const std::string& path, InputFileOptions options) {
  DUNLIN_ASSIGN_OR_RETURN(InputFile opened, InputFile::open(path, options));
  auto input = std::make_unique<InputFile>(std::move(opened));
  const auto parse = [&](std::span<const uint8_t> front, uint64_t& needed_bytes) {
    return GgufFile::parse_front(front, input->size(), path, needed_bytes);
  };
  DUNLIN_ASSIGN_OR_RETURN(auto front, parse_file_front<GgufFile>(*input, parse));
  return GgufPart{std::move(input), std::move(front.bytes), std::move(front.parsed)};
}

Status check_part(const GgufFile& file, uint32_t index, uint32_t count) {
  DUNLIN_ASSIGN_OR_RETURN(const uint64_t stated_index, file.get_u64("split.no"));
  DUNLIN_ASSIGN_OR_RETURN(const uint64_t stated_count, file.get_u64("split.count"));
  if (stated_index != index || stated_count != count)
    return Status::corrupt(file.source(), ": says that it is part ", stated_index, " (from 0) of ",
                           stated_count, "; by its name part ", index, " of ", count,
                           " is expected; was a file renamed?");
  return Status::ok();
}

Status check_whole(const std::vector<GgufPart>& parts) {
  const GgufFile& first = parts.front().file;
  DUNLIN_ASSIGN_OR_RETURN(const uint64_t stated, first.get_u64("split.tensors.count"));
  std::vector<std::string_view> names;
  for (const GgufPart& part : parts)
    for (const GgufTensor& tensor : part.file.tensors()) names.push_back(tensor.name);
  if (names.size() != stated)
    return Status::corrupt(first.source(), ": metadata key 'split.tensors.count' is ", stated, ", but the ",
                           parts.size(), " parts have ", names.size(), " tensors");
  std::sort(names.begin(), names.end());
  const auto twin = std::adjacent_find(names.begin(), names.end());
  if (twin == names.end()) return Status::ok();
  return Status::corrupt(first.source(), ": tensor ", printable(*twin),
                         " occurs in two parts of the split model");
}

// named: the part that name is the name of.
Result<std::vector<GgufPart>> open_split(const GgufSplitName& name, GgufPart named,
                                         InputFileOptions options) {
  std::vector<GgufPart> parts;
  for (uint32_t number = 1; number <= name.count; ++number) {
    auto part =
        number == name.number ? Result<GgufPart>(std::move(named)) : open_part(name.path_of(number), options);
    if (!part.is_ok())
      return part.status().with_context(str_cat("part ", number, " of ", name.count, " of a split model"));
    DUNLIN_RETURN_IF_ERROR(check_part(part->file, number - 1, name.count));
    parts.push_back(std::move(*part));
  }
  DUNLIN_RETURN_IF_ERROR(check_whole(parts));
  return parts;
}

}  // namespace

std::optional<GgufSplitName> GgufSplitName::parse(const std::string& path) {
  const size_t tail = kDigits + kOf.size() + kDigits + kExtension.size();
  if (path.size() < tail + 1 || !path.ends_with(kExtension)) return std::nullopt;
  const std::string_view end = std::string_view(path).substr(path.size() - tail);
  const auto number = five_digits(end.substr(0, kDigits));
  const auto count = five_digits(end.substr(kDigits + kOf.size(), kDigits));
  const bool marks = end.substr(kDigits, kOf.size()) == kOf && path[path.size() - tail - 1] == '-';
  if (!marks || !number || !count || *number < 1 || *number > *count || *count > kMaxParts)
    return std::nullopt;
  return GgufSplitName{path.substr(0, path.size() - tail - 1), *number, *count};
}

std::string GgufSplitName::path_of(uint32_t part_number) const {
  return str_cat(prefix, "-", padded(part_number), kOf, padded(count), kExtension);
}

Result<std::vector<GgufPart>> open_gguf_parts(const std::string& path, InputFileOptions options) {
  DUNLIN_ASSIGN_OR_RETURN(GgufPart opened, open_part(path, options));
  DUNLIN_ASSIGN_OR_RETURN(const uint64_t count, opened.file.get_u64_or("split.count", 1));
  if (count > 1) {
    const auto name = GgufSplitName::parse(path);
    if (!name)
      return Status::invalid(
          path, ": is one of ", count,
          " parts of a split model, but its name does not end in -00001-of-0000N.gguf, so the "
          "other parts cannot be found; give the files their names back");
    return open_split(*name, std::move(opened), options);
  }
  std::vector<GgufPart> parts;
  parts.push_back(std::move(opened));
  return parts;
}

}  // namespace dunlin
