# relu6_study: examples/relu6_study.cpp with the library of examples/study/, tested by tests/study/. Both are left out without
# Boost.Math, whose distributions the statistics use.
find_path(SIX_BOOST_INCLUDE boost/math/distributions/students_t.hpp)
mark_as_advanced(SIX_BOOST_INCLUDE)
if(NOT SIX_BOOST_INCLUDE)
  message(STATUS "sixgrad: relu6_study and its tests are left out, they need Boost.Math (Debian and Ubuntu: libboost-dev)")
  return()
endif()

file(GLOB study_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/examples/study/*.cpp")
# The networks and the design travel inside the library.
sixgrad_embed("${PROJECT_SOURCE_DIR}/examples/configs/mobilenet_study.json" six_study_mobilenet "${PROJECT_BINARY_DIR}/study/mobilenet.cpp")
sixgrad_embed("${PROJECT_SOURCE_DIR}/examples/configs/digits.json" six_study_digits "${PROJECT_BINARY_DIR}/study/digits.cpp")
sixgrad_embed("${PROJECT_SOURCE_DIR}/docs/STUDY_DESIGN.md" six_study_design "${PROJECT_BINARY_DIR}/study/design.cpp")
add_library(study STATIC ${study_sources} "${PROJECT_BINARY_DIR}/study/mobilenet.cpp" "${PROJECT_BINARY_DIR}/study/digits.cpp"
            "${PROJECT_BINARY_DIR}/study/design.cpp")
set_source_files_properties("${PROJECT_SOURCE_DIR}/examples/study/observe.cpp" PROPERTIES COMPILE_OPTIONS $<${SIX_OPTIMIZED}:-O3>)
set_target_properties(study PROPERTIES CXX_EXTENSIONS OFF UNITY_BUILD ${SIX_UNITY})
target_compile_options(study PRIVATE ${SIX_HOST_FLAGS})
target_compile_definitions(study PRIVATE "SIX_STUDY_FLAGS=\"${CMAKE_BUILD_TYPE} ${CMAKE_CXX_FLAGS} -ffp-contract=off, kernels -O3 -ffp-contract=${SIX_CONTRACT}\"")
target_include_directories(study SYSTEM PRIVATE "${SIX_BOOST_INCLUDE}")
target_link_libraries(study PUBLIC sixgrad)

if(EXISTS "${PROJECT_SOURCE_DIR}/examples/relu6_study.cpp")
  six_program(relu6_study "${PROJECT_SOURCE_DIR}/examples/relu6_study.cpp")
  target_link_libraries(relu6_study PRIVATE study)
endif()
