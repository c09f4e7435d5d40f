# The instruction sets of the CPU backend and the flags of their translation units. A kernel family has one file
# per set, isa/<isa>_<family>.cpp; only these files see the flags, so the rest of the library runs anywhere.
set(DUNLIN_CPU_ISAS generic)
# GCC 12 does not see that the first turn of a tile's loop sets the scale that all turns read, nor that a block of
# attention has at least one row.
set(uninitialized_is_a_false_alarm -Wno-maybe-uninitialized -Wno-uninitialized)
set(DUNLIN_CPU_FLAGS_generic ${uninitialized_is_a_false_alarm})
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
  list(PREPEND DUNLIN_CPU_ISAS avx512vnni avxvnni avx2)
  set(DUNLIN_CPU_FLAGS_avx2 -mavx2 -mfma -mf16c -mbmi2)
  set(DUNLIN_CPU_FLAGS_avxvnni ${DUNLIN_CPU_FLAGS_avx2} -mavxvnni)
  set(DUNLIN_CPU_FLAGS_avx512vnni ${DUNLIN_CPU_FLAGS_avx2} -mavx512f -mavx512bw -mavx512dq -mavx512vl
      -mavx512vnni -mprefer-vector-width=512
      # GCC 12 takes the undefined operand inside its own intrinsics for a use (GCC PR 105593).
      -Wno-maybe-uninitialized -Wno-uninitialized)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64|ARM64)$")
  list(PREPEND DUNLIN_CPU_ISAS neon_i8mm neon_dotprod)
  # Scheduling before registers are allocated, which GCC does on Arm and not on x86, puts so many loads before the
  # products of a tile that half of the instructions spill.
  list(APPEND DUNLIN_CPU_FLAGS_generic -fno-schedule-insns)
  set(DUNLIN_CPU_FLAGS_neon_dotprod ${DUNLIN_CPU_FLAGS_generic} -march=armv8.2-a+dotprod)
  set(DUNLIN_CPU_FLAGS_neon_i8mm ${DUNLIN_CPU_FLAGS_generic} -march=armv8.2-a+dotprod+i8mm)
endif()

# dunlin_cpu_isa_sources(TARGET FAMILY): adds isa/<isa>_<family>.cpp for every instruction set of this machine's
# architecture, optimized in every build type, and defines DUNLIN_CPU_X86 or DUNLIN_CPU_ARM for the code
# that lists them.
# Sanitizers leave these units out: their own tests have guard bytes, and instrumented vector code takes longer to
# compile than all the rest.
function(dunlin_cpu_isa_sources target family)
  set(unsanitized)
  if(DUNLIN_SANITIZE)
    set(unsanitized -fno-sanitize=all)
  endif()
  foreach(isa IN LISTS DUNLIN_CPU_ISAS)
    set(source isa/${isa}_${family}.cpp)
    set_source_files_properties(${source} PROPERTIES
      COMPILE_OPTIONS "${DUNLIN_CPU_FLAGS_${isa}};-O3;-ffp-contract=off;${unsanitized}")
    target_sources(${target} PRIVATE ${source})
  endforeach()
  if(avx2 IN_LIST DUNLIN_CPU_ISAS)
    target_compile_definitions(${target} PRIVATE DUNLIN_CPU_X86=1)
  elseif(neon_dotprod IN_LIST DUNLIN_CPU_ISAS)
    target_compile_definitions(${target} PRIVATE DUNLIN_CPU_ARM=1)
  endif()
endfunction()
