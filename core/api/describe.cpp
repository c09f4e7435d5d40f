#include "core/api/describe.h"

#include <nlohmann/json.hpp>

namespace dunlin {
namespace {

using Json = nlohmann::ordered_json;

// Names come from files: whatever their bytes, the text that goes out is valid UTF-8.
std::string write(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace);
}

const char* device_kind_name(DeviceKind kind) {
  switch (kind) {
    case DeviceKind::kReference:
      return "reference";
    case DeviceKind::kCpu:
      return "cpu";
    case DeviceKind::kGpu:
      return "gpu";
  }
  return "unknown";
}

Json describe_config(const ModelConfig& c) {
  return {{"n_layer", c.n_layer},
          {"n_embd", c.n_embd},
          {"n_ff", c.n_ff.empty() ? 0 : c.n_ff.front()},
          {"n_head", c.n_head},
          {"n_head_kv", c.n_head_kv},
          {"head_dim", c.head_dim},
          {"n_vocab", c.n_vocab},
          {"n_ctx_train", c.n_ctx_train},
          {"rms_eps", c.rms_eps},
          {"rope",
           {{"n_rot", c.rope.n_rot},
            {"freq_base", c.rope.freq_base},
            {"scaling", rope_scaling_name(c.rope.scaling)},
            {"factor", c.rope.factor}}},
          {"tied_embeddings", c.tied_embeddings}};
}

Json describe_tokenizer(const Model& model) {
  const Tokenizer& t = model.tokenizer();
  return {{"n_tokens", t.n_vocab()},
          {"bos", t.bos()},
          {"eos", t.eos()},
          {"adds_bos", t.adds_bos()},
          {"adds_eos", t.adds_eos()},
          {"end_of_generation",
           std::vector<int32_t>(t.end_of_generation_ids().begin(), t.end_of_generation_ids().end())},
          {"chat_template", model.has_chat_template()}};
}

Json describe_shape(const Shape& shape) {
  Json dims = Json::array();
  for (int i = 0; i < shape.rank(); ++i) dims.push_back(shape[i]);
  return dims;
}

Json describe_error(const NodeError& error) {
  if (error.node < 0) return nullptr;
  return {{"node", error.node}, {"name", error.name}, {"op", error.text}, {"nmse", error.nmse}};
}

}  // namespace

std::string describe_devices(const Registry& registry) {
  Json devices = Json::array();
  for (const DeviceInfo& d : registry.enumerate())
    devices.push_back({{"id", d.id},
                       {"kind", device_kind_name(d.kind)},
                       {"name", d.name},
                       {"detail", d.detail},
                       {"memory_bytes", d.memory_bytes},
                       {"memory_free_bytes", d.memory_free_bytes},
                       {"score", d.score}});
  return write(devices);
}

std::string describe_device_notes(const Registry& registry) {
  return write(Json(registry.notes()));
}

std::string describe_model(const Model& model) {
  const ModelFiles& files = model.files();
  int64_t n_parameters = 0;
  Json tensors = Json::array();
  for (const Weight& w : files.weights.weights()) {
    n_parameters += w.tensor.shape.elements();
    tensors.push_back({{"name", w.name},
                       {"type", dtype_name(w.tensor.type)},
                       {"shape", describe_shape(w.tensor.shape)},
                       {"bytes", w.tensor.bytes()}});
  }
  return write({{"path", files.path},
                {"format", files.kind == ModelKind::kGguf ? "gguf" : "safetensors"},
                {"architecture", files.config.architecture},
                {"name", files.config.name},
                {"file_bytes", files.file_bytes},
                {"n_parameters", n_parameters},
                {"config", describe_config(files.config)},
                {"tokenizer", describe_tokenizer(model)},
                {"tensors", tensors}});
}

std::string describe_engine(const Engine& engine) {
  const EngineInfo& i = engine.info();
  Json parts = Json::array();
  for (const EnginePart& part : i.parts)
    parts.push_back({{"device", part.device},
                     {"first_layer", part.first_layer},
                     {"n_layer", part.n_layer},
                     {"weight_bytes", part.weight_bytes},
                     {"kv_bytes", part.kv_bytes},
                     {"workspace_bytes", part.workspace_bytes},
                     {"file_bytes", part.file_bytes},
                     {"load_seconds", double(part.load_ns) * 1e-9}});
  return write({{"device", i.device.id},
                {"device_name", i.device.name},
                {"device_detail", i.device.detail},
                {"n_threads", i.device.n_threads},
                {"placement", i.placement},
                {"parts", parts},
                {"n_ctx", i.n_ctx},
                {"n_sequences", i.n_sequences},
                {"n_batch", i.n_batch},
                {"weight_bytes", i.weight_bytes},
                {"kv_bytes", i.kv_bytes},
                {"workspace_bytes", i.workspace_bytes},
                {"bytes_per_token", i.weight_bytes_per_token},
                {"macs_per_token", i.macs_per_token},
                {"head_macs_per_token", i.head_macs_per_token}});
}

std::string describe_profile(const ProfileOptions& options, const StepProfile& profile) {
  Json phases = Json::array();
  double sum_us = 0;
  for (const PhaseTime& p : profile.times.phases) {
    phases.push_back(
        {{"name", p.name}, {"kernel", p.kernel}, {"us", p.us}, {"bytes", p.bytes}, {"macs", p.macs}});
    sum_us += p.us;
  }
  const Device::Counters& c = profile.counters;
  return write({{"rows", options.n_rows},
                {"sequences", options.n_sequences},
                {"depth", options.depth},
                {"repeats", options.n_repeats},
                {"phases", phases},
                {"sum_us", sum_us},
                {"step_us", profile.times.step_us},
                {"wall_us", profile.times.wall_us},
                {"same_tokens", profile.same_tokens},
                {"driver",
                 {{"allocations", c.n_allocations},
                  {"frees", c.n_frees},
                  {"graphs", c.n_graphs},
                  {"waits", c.n_waits}}}});
}

std::string describe_verification(const VerifyReport& report) {
  return write({{"device", report.device},
                {"n_nodes", report.n_nodes},
                {"tolerance_nmse", kVerifyNmse},
                {"worst", describe_error(report.worst)},
                {"first_divergence", describe_error(report.first_divergence)},
                {"same_argmax", report.same_argmax}});
}

}  // namespace dunlin
