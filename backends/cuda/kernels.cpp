#include "backends/cuda/kernels.h"

#include "backends/cuda/kernel_images.h"

namespace dunlin::cuda {

Result<std::unique_ptr<LoadedKernels>> LoadedKernels::load(const Context& context) {
  std::unique_ptr<LoadedKernels> kernels(new LoadedKernels(context));
  for (const KernelImage& image : kernel_images()) {
    CUmodule module = nullptr;
    DUNLIN_RETURN_IF_ERROR(
        context.check(context.driver().cuModuleLoadData(&module, image.data),
                      str_cat("loading the kernels of ", image.name, " for compute capability ",
                              context.limits().compute_capability)));
    kernels->modules_[image.name] = module;
  }
#define DUNLIN_CUDA_BIND_KERNEL(image, params, entry) \
  DUNLIN_RETURN_IF_ERROR(kernels->bind(#image, #entry, kernels->entry.function));
  DUNLIN_CUDA_KERNELS(DUNLIN_CUDA_BIND_KERNEL)
#undef DUNLIN_CUDA_BIND_KERNEL
  return kernels;
}

LoadedKernels::~LoadedKernels() {
  (void)context_.make_current();
  for (const auto& [image, module] : modules_) (void)context_.driver().cuModuleUnload(module);
}

Status LoadedKernels::bind(const char* image, const char* name, CUfunction& function) const {
  const auto found = modules_.find(image);
  DUNLIN_CHECK(found != modules_.end());
  DUNLIN_RETURN_IF_ERROR(context_.check(context_.driver().cuModuleGetFunction(&function, found->second, name),
                                        str_cat("finding kernel ", name)));
  int static_bytes = 0;
  DUNLIN_RETURN_IF_ERROR(context_.check(
      context_.driver().cuFuncGetAttribute(&static_bytes, CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES, function),
      str_cat("asking kernel ", name)));
  // Also forces the code onto the device now.
  return context_.check(
      context_.driver().cuFuncSetAttribute(function, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
                                           context_.limits().max_shared_bytes - static_bytes),
      str_cat("preparing kernel ", name));
}

}  // namespace dunlin::cuda
