# The instruction sets of the CPU backend and the flags of their translation units. A kernel family has one file
# per set, isa/<isa>_<family>.cpp; only these files see the flags, so the rest of the library runs anywhere.
set(DUNLIN_CPU_ISAS "" CACHE STRING
    "Instruction sets to build CPU kernels for, besides generic; empty: all of the architecture")
set(cpu_isas "")
# GCC 12 does not see that the first turn of a tile's loop sets the scale that all turns read, nor that a block of
# attention has at least one row.
set(uninitialized_is_a_false_alarm -Wno-maybe-uninitialized -Wno-uninitialized)
set(DUNLIN_CPU_FLAGS_generic ${uninitialized_is_a_false_alarm})
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
  set(cpu_isas avx512vnni avxvnni avx2)
  set(DUNLIN_CPU_FLAGS_avx2 -mavx2 -mfma -mf16c -mbmi2)
  set(DUNLIN_CPU_FLAGS_avxvnni ${DUNLIN_CPU_FLAGS_avx2} -mavxvnni)
  set(DUNLIN_CPU_FLAGS_avx512vnni ${DUNLIN_CPU_FLAGS_avx2} -mavx512f -mavx512bw -mavx512dq -mavx512vl
      -mavx512vnni -mprefer-vector-width=512
      # GCC 12 takes the undefined operand inside its own intrinsics for a use (GCC PR 105593).
      -Wno-maybe-uninitialized -Wno-uninitialized)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64|ARM64)$")
  set(cpu_isas neon_i8mm neon_dotprod)
  # Scheduling before registers are allocated, which GCC does on Arm and not on x86, puts so many loads before the
  # products of a tile that half of the instructions spill.
  list(APPEND DUNLIN_CPU_FLAGS_generic -fno-schedule-insns)
  set(DUNLIN_CPU_FLAGS_neon_dotprod ${DUNLIN_CPU_FLAGS_generic} -march=armv8.2-a+dotprod)
  set(DUNLIN_CPU_FLAGS_neon_i8mm ${DUNLIN_CPU_FLAGS_generic} -march=armv8.2-a+dotprod+i8mm)
endif()
if(DUNLIN_CPU_ISAS)
  # What another architecture has is passed over, so that a preset can name one set of each.
  set(architecture_isas ${cpu_isas})
  set(cpu_isas "")
  foreach(isa IN LISTS DUNLIN_CPU_ISAS)
    if(NOT EXISTS ${CMAKE_CURRENT_LIST_DIR}/isa/${isa}_linear.cpp)
      message(FATAL_ERROR "DUNLIN_CPU_ISAS: no instruction set is called ${isa}")
    elseif(isa IN_LIST architecture_isas)
      list(APPEND cpu_isas ${isa})
    endif()
  endforeach()
endif()
list(APPEND cpu_isas generic)

# dunlin_cpu_isa_sources(TARGET FAMILY): adds isa/<isa>_<family>.cpp for every instruction set that is built, optimized
# in every build type, and defines DUNLIN_CPU_<ISA> for the code that lists them.
# Sanitizers leave these units out: their own tests have guard bytes, and instrumented vector code takes longer to
# compile than all the rest.
function(dunlin_cpu_isa_sources target family)
  set(unsanitized)
  if(DUNLIN_SANITIZE)
    set(unsanitized -fno-sanitize=all)
  endif()
  foreach(isa IN LISTS cpu_isas)
    set(source isa/${isa}_${family}.cpp)
    set_source_files_properties(${source} PROPERTIES
      COMPILE_OPTIONS "${DUNLIN_CPU_FLAGS_${isa}};-O3;-ffp-contract=off;${unsanitized}")
    target_sources(${target} PRIVATE ${source})
    string(TOUPPER ${isa} name)
    target_compile_definitions(${target} PRIVATE DUNLIN_CPU_${name}=1)
  endforeach()
endfunction()
