# What holds for every target: build type, warnings, floating-point contract, sanitizers.
include(CheckCXXCompilerFlag)

if(PROJECT_IS_TOP_LEVEL)
  if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "Release or Debug" FORCE)
  endif()
  set(CMAKE_EXPORT_COMPILE_COMMANDS ON)  # the checks in scripts/ read the flags from there
  set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
endif()
if(BUILD_SHARED_LIBS)
  set(CMAKE_POSITION_INDEPENDENT_CODE ON)
endif()

# Kernels contract a * b + c into one FMA, by design the same way on every instruction set; everything else never does. clang is held
# to products and sums of one statement: with "fast" it picks among those of several, for each vector width another. gcc 12 takes "on"
# for "off".
set(SIX_CONTRACT $<IF:$<CXX_COMPILER_ID:GNU>,fast,on>)
set(SIX_OPTIMIZED $<OR:$<CONFIG:Release,RelWithDebInfo>,$<STREQUAL:$<CONFIG>,>>)  # also where a project around it names no type
set(SIX_HOST_FLAGS -Wall -Wextra -Wshadow -ffp-contract=off $<${SIX_OPTIMIZED}:-O2>)
set(SIX_KERNEL_FLAGS -Wall -Wextra -Wshadow -ffp-contract=${SIX_CONTRACT} $<IF:$<CONFIG:Debug>,-O1,-O3>)
if(SIX_WERROR)
  list(APPEND SIX_HOST_FLAGS -Werror)
  list(APPEND SIX_KERNEL_FLAGS -Werror)
endif()
if(SIX_SANITIZE)
  add_compile_options(-fsanitize=${SIX_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${SIX_SANITIZE})
  # What gcc 12 sees uninitialised in the instrumented <regex> and <functional> is not.
  if(NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    list(APPEND SIX_HOST_FLAGS -Wno-maybe-uninitialized)
  endif()
  # In kernels, one statement many times unrolled, these take half of the compile time and see nothing that address does not.
  if(SIX_SANITIZE MATCHES "address,undefined")
    list(APPEND SIX_KERNEL_FLAGS -fno-sanitize=null,object-size,pointer-overflow)
  endif()
endif()

# Instruction sets of the kernels: baseline always, the x86-64 levels where the machine and the compiler know them.
set(SIX_ISAS baseline)
set(SIX_FLAGS_v3 -march=x86-64-v3)
set(SIX_FLAGS_v4 -march=x86-64-v4 -mprefer-vector-width=512)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$")
  foreach(level v3 v4)
    check_cxx_compiler_flag(-march=x86-64-${level} SIX_COMPILER_HAS_${level})
    if(SIX_COMPILER_HAS_${level} AND NOT SIX_BASELINE_ONLY)
      list(APPEND SIX_ISAS ${level})
    endif()
  endforeach()
endif()
