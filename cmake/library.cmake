# six_library(name real): the library for one floating-point type. Kernels are compiled once per instruction set.
file(GLOB SIX_HOST_SOURCES CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/core/*.cpp" "${PROJECT_SOURCE_DIR}/core/ops/*.cpp"
     "${PROJECT_SOURCE_DIR}/layers/*.cpp" "${PROJECT_SOURCE_DIR}/optim/*.cpp" "${PROJECT_SOURCE_DIR}/data/*.cpp"
     "${PROJECT_SOURCE_DIR}/train/*.cpp" "${PROJECT_SOURCE_DIR}/deploy/*.cpp")
file(GLOB SIX_KERNEL_SOURCES CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/core/kernels/*.cpp")
set(SIX_DISPATCH_SOURCE "${PROJECT_SOURCE_DIR}/core/kernels/dispatch.cpp")  # host code: picks the table at run time
list(REMOVE_ITEM SIX_KERNEL_SOURCES "${SIX_DISPATCH_SOURCE}")
list(APPEND SIX_HOST_SOURCES "${SIX_DISPATCH_SOURCE}")

# Passes over whole slabs and images, plain loops of which the compiler makes vectors if sqrt need not set errno; the same bits.
file(GLOB SIX_LOOP_SOURCES CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/optim/*.cpp" "${PROJECT_SOURCE_DIR}/data/augment.cpp")
set_source_files_properties(${SIX_LOOP_SOURCES} PROPERTIES COMPILE_OPTIONS "$<${SIX_OPTIMIZED}:-O3;-fno-math-errno>")

# In the build tree, as after installation, a user's include path holds sixgrad.h and sixgrad/, never core/ itself.
set(SIX_INCLUDE_DIR "${PROJECT_BINARY_DIR}/include")
set(SIX_ROOMS core layers optim data train deploy)
file(MAKE_DIRECTORY "${SIX_INCLUDE_DIR}/sixgrad")
file(CONFIGURE OUTPUT "${SIX_INCLUDE_DIR}/sixgrad.h" CONTENT "#pragma once\n#include \"sixgrad/sixgrad.h\"\n" @ONLY)
foreach(entry ${SIX_ROOMS} sixgrad.h)
  if(EXISTS "${PROJECT_SOURCE_DIR}/${entry}")
    file(CREATE_LINK "${PROJECT_SOURCE_DIR}/${entry}" "${SIX_INCLUDE_DIR}/sixgrad/${entry}" SYMBOLIC)
  endif()
endforeach()

# Plain loops over whole data sets.
set_source_files_properties("${PROJECT_SOURCE_DIR}/deploy/graph_values.cpp" "${PROJECT_SOURCE_DIR}/deploy/emulator.cpp"
                            "${PROJECT_SOURCE_DIR}/deploy/int_inference.cpp"
                            "${PROJECT_SOURCE_DIR}/core/ops/fake_quantize.cpp" PROPERTIES COMPILE_OPTIONS $<${SIX_OPTIMIZED}:-O3>)

# data/digits.csv.gz travels inside the library.
include(cmake/embed.cmake)
set(SIX_DIGITS_SOURCE "${PROJECT_BINARY_DIR}/digits_csv_gz.cpp")
sixgrad_embed("${PROJECT_SOURCE_DIR}/data/digits.csv.gz" six_digits_csv_gz "${SIX_DIGITS_SOURCE}")
# So does the arithmetic that the C writer copies into what it emits.
set(SIX_REQUANTIZE_SOURCE "${PROJECT_BINARY_DIR}/requantize_h.cpp")
sixgrad_embed("${PROJECT_SOURCE_DIR}/core/kernels/requantize.h" six_requantize_h "${SIX_REQUANTIZE_SOURCE}")

function(six_library name real)
  set(public_definitions SIX_REAL=${real} "SIX_VERSION=\"${PROJECT_VERSION}\"")
  if(SIX_THREADS STREQUAL "Threads::Threads")
    list(APPEND public_definitions SIX_STD_THREADS=1)
  endif()
  # In a build with tests the double library is the one that tests lean on.
  if(SIX_POISON OR (SIX_TESTS AND real STREQUAL "double"))
    list(APPEND public_definitions SIX_POISON=1)
  endif()

  set(kernel_objects "")
  set(host_definitions "")
  foreach(isa ${SIX_ISAS})
    set(objects ${name}_kernels_${isa})
    add_library(${objects} OBJECT EXCLUDE_FROM_ALL ${SIX_KERNEL_SOURCES})
    target_compile_features(${objects} PRIVATE cxx_std_20)
    target_compile_definitions(${objects} PRIVATE ${public_definitions} SIX_ISA=${isa})
    target_compile_options(${objects} PRIVATE ${SIX_KERNEL_FLAGS} ${SIX_FLAGS_${isa}})
    set_target_properties(${objects} PROPERTIES CXX_EXTENSIONS OFF)
    list(APPEND kernel_objects $<TARGET_OBJECTS:${objects}>)
    if(NOT isa STREQUAL "baseline")
      string(TOUPPER ${isa} upper)
      list(APPEND host_definitions SIX_HAVE_${upper}=1)
    endif()
  endforeach()

  add_library(${name} ${SIX_HOST_SOURCES} ${kernel_objects} "${SIX_DIGITS_SOURCE}" "${SIX_REQUANTIZE_SOURCE}")
  add_library(sixgrad::${name} ALIAS ${name})
  if(NOT PROJECT_IS_TOP_LEVEL)
    set_target_properties(${name} PROPERTIES EXCLUDE_FROM_ALL ON)
  endif()
  # A clean build takes half the time if twelve sources are compiled as one: most of it goes into the same headers.
  set_target_properties(${name} PROPERTIES CXX_EXTENSIONS OFF UNITY_BUILD ${SIX_UNITY} UNITY_BUILD_BATCH_SIZE 12)
  target_compile_features(${name} PUBLIC cxx_std_20)
  target_compile_options(${name} PRIVATE ${SIX_HOST_FLAGS})
  target_compile_definitions(${name} PUBLIC ${public_definitions} PRIVATE ${host_definitions})
  target_include_directories(${name} PUBLIC $<BUILD_INTERFACE:${SIX_INCLUDE_DIR}> $<INSTALL_INTERFACE:include>)
  target_link_libraries(${name} PUBLIC ${SIX_THREADS} nlohmann_json::nlohmann_json PRIVATE ZLIB::ZLIB PNG::PNG)
endfunction()
