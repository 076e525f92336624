# tests_f32 and tests_f64: the same sources against both libraries. ctest runs each source file as a test of its own, and
# several at once with more threads than processors: a thread that waits must not spin.
file(GLOB_RECURSE test_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tests/*.cpp")
list(FILTER test_sources EXCLUDE REGEX "/tests/((consumer|programs|scripts|study)/|fuzz/fuzzer)")

# Up to nine sources of a folder are compiled as one, as the library is: helpers of a folder's tests have different names.
set(groups "")
foreach(source ${test_sources})
  file(RELATIVE_PATH folder "${PROJECT_SOURCE_DIR}" "${source}")
  get_filename_component(folder "${folder}" DIRECTORY)
  string(MAKE_C_IDENTIFIER "${folder}" folder)
  list(APPEND groups ${folder})
  set(alike ${groups})
  list(FILTER alike INCLUDE REGEX "^${folder}$")
  list(LENGTH alike number)
  math(EXPR number "(${number} - 1) / 9")
  set_source_files_properties("${source}" PROPERTIES UNITY_GROUP "${folder}_${number}")
endforeach()

set_source_files_properties("${PROJECT_SOURCE_DIR}/tests/main.cpp" PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)  # doctest itself

set_source_files_properties("${PROJECT_SOURCE_DIR}/tests/golden_json.cpp" PROPERTIES COMPILE_DEFINITIONS
                            "SIX_TEST_DIR=\"${PROJECT_SOURCE_DIR}/tests\"")

function(six_tests name library prefix)
  add_executable(${name} ${test_sources})
  set_target_properties(${name} PROPERTIES CXX_EXTENSIONS OFF UNITY_BUILD ${SIX_UNITY} UNITY_BUILD_MODE GROUP)
  target_compile_definitions(${name} PRIVATE DOCTEST_CONFIG_SUPER_FAST_ASSERTS)  # a fifth of the compile time
  target_compile_options(${name} PRIVATE ${SIX_HOST_FLAGS} $<$<CONFIG:Release>:-O1>)
  target_link_libraries(${name} PRIVATE ${library} doctest::doctest Eigen3::Eigen ZLIB::ZLIB PNG::PNG)

  foreach(source ${test_sources})
    file(STRINGS "${source}" cases REGEX "^ *(TEST_CASE|SCENARIO)" LIMIT_COUNT 1)
    if(cases)
      file(RELATIVE_PATH path "${PROJECT_SOURCE_DIR}/tests" "${source}")
      string(REGEX REPLACE "\\.cpp$" "" test "${path}")
      get_filename_component(room "${path}" DIRECTORY)
      add_test(NAME ${prefix}/${test} COMMAND ${name} "--source-file=*/tests/${path}")
      set_tests_properties(${prefix}/${test} PROPERTIES LABELS "${prefix};${room}" ENVIRONMENT OMP_WAIT_POLICY=passive)
    endif()
  endforeach()
endfunction()

if(TARGET sixgrad)
  six_tests(tests_f32 sixgrad f32)
endif()
if(TARGET sixgrad_f64)
  six_tests(tests_f64 sixgrad_f64 f64)
endif()

# Tests in Python, each with a program of tests/programs; they skip themselves where their packages are missing.
find_package(Python3 QUIET COMPONENTS Interpreter)
function(six_python_test script program)
  add_executable(${program} "${PROJECT_SOURCE_DIR}/tests/programs/${program}.cpp")
  set_target_properties(${program} PROPERTIES CXX_EXTENSIONS OFF)
  target_compile_options(${program} PRIVATE ${SIX_HOST_FLAGS})
  target_link_libraries(${program} PRIVATE sixgrad)
  if(Python3_FOUND)
    add_test(NAME python/${script} COMMAND Python3::Interpreter "${PROJECT_SOURCE_DIR}/tests/${script}.py" $<TARGET_FILE:${program}>)
    set_tests_properties(python/${script} PROPERTIES SKIP_RETURN_CODE 77 LABELS python)
  endif()
endfunction()

if(TARGET sixgrad)
  six_python_test(data/safetensors_roundtrip safetensors_copy)
  six_python_test(layers/torch_exchange model_exchange)
endif()

# Programs from the outside: tests/cli/NAME.py gets the program's path.
function(six_cli_test script program)
  if(Python3_FOUND AND TARGET ${program})
    add_test(NAME cli/${script} COMMAND Python3::Interpreter "${PROJECT_SOURCE_DIR}/tests/cli/${script}.py" $<TARGET_FILE:${program}>)
    set_tests_properties(cli/${script} PROPERTIES LABELS cli ENVIRONMENT OMP_WAIT_POLICY=passive)
  endif()
endfunction()

six_cli_test(mnist mnist)
six_cli_test(mnist_refusals mnist)
six_cli_test(mnist_output mnist)
six_cli_test(mnist_resume mnist)
six_cli_test(mnist_together mnist)
six_cli_test(quickstart quickstart)
six_cli_test(own_programs own_op)  # and own_layer, own_loop beside it
six_cli_test(relu6_plot relu6_plot)
six_cli_test(deploy deploy)
six_cli_test(relu6_study relu6_study)
if(Python3_FOUND)
  add_test(NAME cli/own_activation COMMAND Python3::Interpreter "${PROJECT_SOURCE_DIR}/tests/cli/own_activation.py"
           "${CMAKE_CXX_COMPILER}" "${SIX_INCLUDE_DIR}")
  set_tests_properties(cli/own_activation PROPERTIES LABELS cli)
endif()

# tests_study: the study's library, which is built for float alone.
if(TARGET study)
  file(GLOB study_tests CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tests/study/*.cpp")
  add_executable(tests_study ${study_tests} "${PROJECT_SOURCE_DIR}/tests/main.cpp" "${PROJECT_SOURCE_DIR}/tests/data/support.cpp")
  set_target_properties(tests_study PROPERTIES CXX_EXTENSIONS OFF)
  target_compile_options(tests_study PRIVATE ${SIX_HOST_FLAGS} $<$<CONFIG:Release>:-O1>)
  target_link_libraries(tests_study PRIVATE study doctest::doctest ZLIB::ZLIB)
  foreach(source ${study_tests})
    get_filename_component(test "${source}" NAME_WE)
    file(STRINGS "${source}" cases REGEX "^ *TEST_CASE" LIMIT_COUNT 1)
    if(cases)
      add_test(NAME study/${test} COMMAND tests_study "--source-file=*/tests/study/${test}.cpp")
      set_tests_properties(study/${test} PROPERTIES LABELS study)
    endif()
  endforeach()
endif()

# Long tests first: none of them is left alone at the end.
get_property(long_tests DIRECTORY PROPERTY TESTS)
list(FILTER long_tests INCLUDE REGEX "/(out_of_memory|relu6_tape|instruction_sets|c_writer|written|ops/conv|checkpoint|mnist_resume|stats|running)$")
if(long_tests)
  set_tests_properties(${long_tests} PROPERTIES COST 1000)
endif()
