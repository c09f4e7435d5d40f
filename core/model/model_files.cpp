#include "core/model/model_files.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <utility>

#include "core/model/architecture_traits.h"
#include "core/model/json_check.h"
#include "core/model/printable.h"
#include "platforms/file_map.h"

namespace dunlin {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMaxTextBytes = uint64_t(64) << 20;

Result<std::string> read_text(const std::string& path) {
  DUNLIN_ASSIGN_OR_RETURN(const FileMap file,
                          FileMap::open(path, {.use_mmap = false, .max_bytes = kMaxTextBytes}));
  return std::string(file.bytes().begin(), file.bytes().end());
}

// Empty where there is no such file.
Result<std::string> read_optional_text(const std::string& path) {
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return std::string();
  return read_text(path);
}

// base: where the tensor begins in the file.
ReadBytes read_from_file(const InputFile* file, uint64_t base) {
  return [file, base](uint64_t offset, std::span<uint8_t> out) { return file->read(base + offset, out); };
}

// memory: where the files are not files.
Status load_gguf(ModelFiles& files, std::span<const uint8_t> memory, const Log& log,
                 const ModelFileOptions& options) {
  std::vector<const GgufFile*> parts;
  std::vector<NamedTensor> tensors;
  for (const GgufPart& part : files.gguf_parts) {
    parts.push_back(&part.file);
    for (const GgufTensor& tensor : part.file.tensors()) {
      ReadBytes read = part.input != nullptr
                           ? read_from_file(part.input.get(), tensor.offset)
                           : read_from_memory(memory.subspan(size_t(tensor.offset), size_t(tensor.bytes)));
      tensors.push_back(
          {std::string(tensor.name), {tensor.type, tensor.shape, std::move(read)}, part.file.source()});
    }
  }
  DUNLIN_ASSIGN_OR_RETURN(files.config, config_from_gguf(parts));
  const bool paired = find_architecture_traits(files.config.architecture)->gguf_rows_are_paired;
  DUNLIN_ASSIGN_OR_RETURN(files.weights,
                          WeightTable::build(files.config, std::move(tensors), paired, files.path, log));
  return options.check_tensors ? check_weights_finite(files.weights) : Status::ok();
}

Status collect_safetensors(const SafetensorsPart& part, const ModelConfig& config,
                           std::vector<NamedTensor>& out) {
  for (const SafetensorsTensor& tensor : part.file.tensors()) {
    std::string name = gguf_name_from_hf(tensor.name);
    if (name.empty()) {
      // Kept under its own name for the warning; its dtype may be one that no weight can have.
      out.push_back({tensor.name, {}, part.file.source()});
      continue;
    }
    if (config.tied_embeddings && name == "output.weight") continue;
    DUNLIN_ASSIGN_OR_RETURN(TensorSource weight, part.file.as_weight(tensor));
    weight.read = read_from_file(part.input.get(), tensor.begin);
    out.push_back({std::move(name), std::move(weight), part.file.source()});
  }
  return Status::ok();
}

Status load_directory(ModelFiles& files, const Log& log, const ModelFileOptions& options) {
  const std::string config_path = files.path + "/config.json";
  DUNLIN_ASSIGN_OR_RETURN(const std::string config_text, read_text(config_path));
  DUNLIN_ASSIGN_OR_RETURN(files.config, config_from_hf(config_text, config_path));
  DUNLIN_ASSIGN_OR_RETURN(files.safetensors_parts, open_safetensors_directory(files.path, {options.preload}));
  std::vector<NamedTensor> tensors;
  for (const SafetensorsPart& part : files.safetensors_parts) {
    files.file_bytes += part.input->size();
    DUNLIN_RETURN_IF_ERROR(collect_safetensors(part, files.config, tensors));
  }
  DUNLIN_ASSIGN_OR_RETURN(files.weights,
                          WeightTable::build(files.config, std::move(tensors), false, files.path, log));
  HuggingFaceTexts& texts = files.texts;
  const auto path_of = [&](const char* name) { return str_cat(files.path, "/", name); };
  DUNLIN_ASSIGN_OR_RETURN(texts.tokenizer_json, read_optional_text(path_of("tokenizer.json")));
  DUNLIN_ASSIGN_OR_RETURN(texts.tokenizer_config_json, read_optional_text(path_of("tokenizer_config.json")));
  DUNLIN_ASSIGN_OR_RETURN(texts.generation_config_json,
                          read_optional_text(path_of("generation_config.json")));
  DUNLIN_ASSIGN_OR_RETURN(texts.chat_template_jinja, read_optional_text(path_of("chat_template.jinja")));
  return options.check_tensors ? check_weights_finite(files.weights) : Status::ok();
}

// Why a directory is no model, as precisely as its contents tell.
Status explain_directory(const std::string& path) {
  std::error_code error;
  bool empty = true;
  bool pickle = false;
  std::string gguf;
  for (fs::directory_iterator it(path, error), end; !error && it != end; it.increment(error)) {
    empty = false;
    const std::string extension = it->path().extension().string();
    if (extension == ".gguf") gguf = std::max(gguf, it->path().filename().string());
    pickle = pickle || extension == ".bin" || extension == ".pt" || extension == ".pth";
  }
  if (error) return Status::io(path, ": cannot list the directory: ", error.message());
  if (empty) return Status::not_found(path, ": the directory is empty");
  if (!gguf.empty())
    return Status::invalid(path, ": the directory has no config.json, but GGUF files; name one of them, as ",
                           path, "/", printable(gguf));
  return Status::not_found(path, ": the directory has no config.json, so it is no Hugging Face model",
                           pickle ? "; PyTorch files are not read" : "", "; download the whole model folder");
}

struct Signature {
  std::string_view begin;
  const char* meaning;
};

constexpr size_t kSignatureBytes = 32;  // as long as any signature

// What people pass by mistake.
constexpr Signature kSignatures[] = {
    {"PK\x03\x04",
     "a PyTorch or zip file; pickled weights are not read, convert the model to SafeTensors or GGUF"},
    {"\x80\x02", "a Python pickle, which is not read; convert the model to SafeTensors or GGUF"},
    {"version https://git-lfs", "a Git LFS pointer, not the model itself; run 'git lfs pull'"},
    {"lmgg", "an old GGML file; convert the model to GGUF again"},
    {"fmgg", "an old GGML file; convert the model to GGUF again"},
    {"tjgg", "an old GGML file; convert the model to GGUF again"},
    {"DUNLINPC", "a pack cache; pass the model that it was made for"},
    {"<!DOCTYPE", "a web page, not a model; the download went wrong"},
    {"<html", "a web page, not a model; the download went wrong"},
};

// text: the first bytes of the file.
Status explain_file(const std::string& path, std::string_view text) {
  if (text.empty()) return Status::corrupt(path, ": the file is empty; fetch it again");
  for (const Signature& signature : kSignatures)
    if (text.starts_with(signature.begin)) return Status::unsupported(path, ": is ", signature.meaning);
  if (path.ends_with(".safetensors"))
    return Status::invalid(path,
                           ": a SafeTensors file has no config or tokenizer; pass the directory it is in");
  if (text.starts_with("{"))
    return Status::invalid(path, ": a JSON file; pass a .gguf file or the model's directory");
  return Status::unsupported(path, ": is no model file that Dunlin knows (it begins with ",
                             printable(text.substr(0, 4)),
                             "); a .gguf file or a Hugging Face directory is expected");
}

Status check_is_gguf(const std::string& path) {
  DUNLIN_ASSIGN_OR_RETURN(const InputFile file, InputFile::open(path));
  std::array<uint8_t, kSignatureBytes> first;
  const auto known = std::span(first).first(size_t(std::min<uint64_t>(file.size(), first.size())));
  DUNLIN_RETURN_IF_ERROR(file.read(0, known));
  const std::string_view text(reinterpret_cast<const char*>(known.data()), known.size());
  return text.starts_with("GGUF") ? Status::ok() : explain_file(path, text);
}

}  // namespace

Result<ModelFiles> open_model_files(const std::string& path, const Log& log, ModelFileOptions options) {
  ModelFiles files;
  files.path = path;
  std::error_code error;
  if (fs::is_directory(path, error)) {
    files.kind = ModelKind::kHuggingFace;
    if (!fs::exists(path + "/config.json", error)) return explain_directory(path);
    DUNLIN_RETURN_IF_ERROR(load_directory(files, log, options));
    return files;
  }
  DUNLIN_RETURN_IF_ERROR(check_is_gguf(path));
  DUNLIN_ASSIGN_OR_RETURN(files.gguf_parts, open_gguf_parts(path, {options.preload}));
  for (const GgufPart& part : files.gguf_parts) files.file_bytes += part.input->size();
  DUNLIN_RETURN_IF_ERROR(load_gguf(files, {}, log, options));
  return files;
}

Result<ModelFiles> open_model_bytes(std::span<const uint8_t> bytes, const std::string& source, const Log& log,
                                    ModelFileOptions options) {
  ModelFiles files;
  files.path = source;
  files.file_bytes = bytes.size();
  DUNLIN_ASSIGN_OR_RETURN(GgufFile file, GgufFile::parse(bytes, source));
  files.gguf_parts.push_back({nullptr, {}, std::move(file)});
  DUNLIN_RETURN_IF_ERROR(load_gguf(files, bytes, log, options));
  return files;
}

}  // namespace dunlin
