# dunlin_find_cuda(): is the CUDA backend built? DUNLIN_CUDA is AUTO (if nvcc is found), ON or OFF. Sets
# DUNLIN_HAS_CUDA, DUNLIN_NVCC and DUNLIN_CUDA_INCLUDE. Only the compiler and cuda.h are needed: nothing is linked.
set(DUNLIN_CUDA "AUTO" CACHE STRING "CUDA backend: AUTO (if nvcc is found), ON, OFF")
set(DUNLIN_CUDA_ARCHITECTURES "80;87;89;90a;120;121" CACHE STRING
    "CUDA architectures to build kernels for, the oldest first: what is newer than it runs from its PTX")

# The folders that nvcc itself includes from. Asked, not guessed from nvcc's own path: /usr/local/bin/nvcc may be a script
# that starts the real one elsewhere.
function(dunlin_nvcc_include_directories out)
  set(probe ${CMAKE_CURRENT_BINARY_DIR}/nvcc_probe.cu)
  file(WRITE ${probe} "")
  execute_process(COMMAND ${DUNLIN_NVCC} --dryrun -c ${probe} -o ${probe}.o ERROR_VARIABLE plan OUTPUT_QUIET)
  set(directories "")
  string(REGEX MATCHALL "\"-I[^\"]+\"" flags "${plan}")
  foreach(flag IN LISTS flags)
    string(REGEX REPLACE "^\"-I(.*)\"$" "\\1" directory ${flag})
    list(APPEND directories ${directory})
  endforeach()
  set(${out} ${directories} PARENT_SCOPE)
endfunction()

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
  dunlin_nvcc_include_directories(directories)
  find_path(DUNLIN_CUDA_INCLUDE cuda.h HINTS ${directories})
  if(NOT DUNLIN_CUDA_INCLUDE)
    set(problem "${DUNLIN_NVCC} was found, but not its cuda.h; set DUNLIN_CUDA_INCLUDE to the folder that has it")
    if(NOT DUNLIN_CUDA STREQUAL "AUTO")
      message(FATAL_ERROR "DUNLIN_CUDA is ${DUNLIN_CUDA}: ${problem}")
    endif()
    message(WARNING "CUDA backend: off, ${problem}")
    return()
  endif()
  message(STATUS "CUDA backend: ${DUNLIN_NVCC} for ${DUNLIN_CUDA_ARCHITECTURES}")
  set(DUNLIN_HAS_CUDA ON PARENT_SCOPE)
endfunction()

# dunlin_cuda_fatbin(OUT source [flags...]): compiles one .cu for all architectures and sets OUT to the fatbin's path.
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
    COMMAND ${DUNLIN_NVCC} -std=c++20 -O3 --expt-relaxed-constexpr ${ARGN} -I${PROJECT_SOURCE_DIR} ${codes}
            -MD -MF ${fatbin}.d --fatbin ${CMAKE_CURRENT_SOURCE_DIR}/${source} -o ${fatbin}
    DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${source}
    DEPFILE ${fatbin}.d
    COMMENT "Building CUDA kernels ${source}" VERBATIM)
  set(${out} ${fatbin} PARENT_SCOPE)
endfunction()
