# dunlin_module(NAME SOURCES ... LINKS ... [PRIVATE_LINKS ...]): one static library per module of the house. The
# shipped library is made of the modules' objects; tests link the modules that they test.
function(dunlin_module name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS;PRIVATE_LINKS" ${ARGN})
  add_library(dunlin_${name} STATIC ${ARG_SOURCES})
  dunlin_compile_settings(dunlin_${name})
  target_link_libraries(dunlin_${name} PUBLIC ${ARG_LINKS} PRIVATE ${ARG_PRIVATE_LINKS})
endfunction()

# Settings of every target of the project: standard, warnings, include root, sanitizers.
function(dunlin_compile_settings target)
  target_compile_features(${target} PUBLIC cxx_std_20)
  set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE ON CXX_EXTENSIONS OFF
                        CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
  target_include_directories(${target} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>
                             $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/core/include>)
  # Sums keep their written order, so that results do not depend on the compiler's mood.
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wshadow -Wno-unused-parameter -ffp-contract=off)
  if(DUNLIN_SANITIZE)
    # GCC 12 does not see through instrumented variants and warns of uninitialized ones, pages long.
    target_compile_options(${target} PUBLIC -fsanitize=${DUNLIN_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer
                           -Wno-maybe-uninitialized)
    target_link_options(${target} PUBLIC -fsanitize=${DUNLIN_SANITIZE})
  endif()
endfunction()

# Settings of everything that only tests are made of. No PIC flag of its own, so that libraries and executables have the
# same flags and can share a precompiled header.
function(dunlin_test_settings target)
  dunlin_compile_settings(${target})
  set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
endfunction()

# dunlin_test(NAME SOURCES ... LINKS ... [LABELS ...] [ALONE]): one Catch2 executable, run by ctest from the source root.
# ALONE: it has a team of threads on all cores or takes times, so nothing runs beside it. A team waits for its slowest
# thread at every barrier, and one that shares the cores takes many times as long.
# Labels: sanitized = also run under AddressSanitizer and UBSan by ./dev test; slow = left out there; arm = also
# cross-compiled and run under emulation by ./dev test-arm.
function(dunlin_test name)
  cmake_parse_arguments(ARG "ALONE" "" "SOURCES;LINKS;LABELS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  dunlin_test_settings(${name})
  target_precompile_headers(${name} REUSE_FROM dunlin_test_catch)
  target_link_libraries(${name} PRIVATE dunlin_test_main ${ARG_LINKS})
  add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES RUN_SERIAL ${ARG_ALONE})
  if(ARG_LABELS)
    set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABELS}")
  endif()
  if("sanitized" IN_LIST ARG_LABELS)
    add_dependencies(sanitized_tests ${name})
  endif()
  if("arm" IN_LIST ARG_LABELS)
    add_dependencies(arm_tests ${name})
  endif()
endfunction()
