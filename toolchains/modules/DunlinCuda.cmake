# dunlin_find_cuda(): is the CUDA backend built? DUNLIN_CUDA is AUTO (if nvcc is found), ON or OFF. Sets
# DUNLIN_HAS_CUDA, DUNLIN_NVCC and DUNLIN_CUDA_INCLUDE. Only the compiler and cuda.h are needed: nothing is linked.
set(DUNLIN_CUDA "AUTO" CACHE STRING "CUDA backend: AUTO (if nvcc is found), ON, OFF")
set(DUNLIN_CUDA_ARCHITECTURES "87;89;90a;120;121" CACHE STRING
    "CUDA architectures to build kernels for; others run from the PTX of the oldest")

function(dunlin_find_cuda)
  set(DUNLIN_HAS_CUDA OFF PARENT_SCOPE)
  if(DUNLIN_CUDA STREQUAL "OFF")
    return()
  endif()
  find_program(DUNLIN_NVCC nvcc HINTS ENV CUDA_HOME PATHS /usr/local/cuda/bin)
  if(NOT DUNLIN_NVCC)
    if(NOT DUNLIN_CUDA STREQUAL "AUTO")
      message(FATAL_ERROR "DUNLIN_CUDA is ${DUNLIN_CUDA} and nvcc was not found; set CUDA_HOME or DUNLIN_NVCC")
    endif()
    message(STATUS "CUDA backend: off, nvcc was not found")
    return()
  endif()
  file(REAL_PATH ${DUNLIN_NVCC} nvcc)
  get_filename_component(root ${nvcc} DIRECTORY)
  get_filename_component(root ${root} DIRECTORY)
  find_path(DUNLIN_CUDA_INCLUDE cuda.h HINTS ${root}/include ${root}/targets/x86_64-linux/include
            ${root}/targets/sbsa-linux/include)
  if(NOT DUNLIN_CUDA_INCLUDE)
    message(FATAL_ERROR "cuda.h was not found beside ${DUNLIN_NVCC}; set DUNLIN_CUDA_INCLUDE or DUNLIN_CUDA=OFF")
  endif()
  message(STATUS "CUDA backend: ${DUNLIN_NVCC} for ${DUNLIN_CUDA_ARCHITECTURES}")
  set(DUNLIN_HAS_CUDA ON PARENT_SCOPE)
endfunction()

# dunlin_cuda_fatbin(OUT source): compiles one .cu for all architectures and sets OUT to the fatbin's path.
function(dunlin_cuda_fatbin out source)
  get_filename_component(name ${source} NAME_WE)
  set(fatbin ${CMAKE_CURRENT_BINARY_DIR}/${name}.fatbin)
  set(codes "")
  list(GET DUNLIN_CUDA_ARCHITECTURES 0 oldest)
  foreach(arch IN LISTS DUNLIN_CUDA_ARCHITECTURES)
    list(APPEND codes -gencode arch=compute_${arch},code=sm_${arch})
  endforeach()
  list(APPEND codes -gencode arch=compute_${oldest},code=compute_${oldest})
  add_custom_command(
    OUTPUT ${fatbin}
    COMMAND ${DUNLIN_NVCC} -std=c++20 -O3 --expt-relaxed-constexpr -I${PROJECT_SOURCE_DIR} ${codes}
            -MD -MF ${fatbin}.d --fatbin ${CMAKE_CURRENT_SOURCE_DIR}/${source} -o ${fatbin}
    DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${source}
    DEPFILE ${fatbin}.d
    COMMENT "Building CUDA kernels ${source}" VERBATIM)
  set(${out} ${fatbin} PARENT_SCOPE)
endfunction()
