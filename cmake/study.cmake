# relu6_study: examples/relu6_study.cpp with the library of examples/study/, tested by tests/study/. Both are left out without
# Boost.Math, whose distributions the statistics use.
find_path(SIX_BOOST_INCLUDE boost/math/distributions/students_t.hpp)
mark_as_advanced(SIX_BOOST_INCLUDE)
if(NOT SIX_BOOST_INCLUDE)
  message(STATUS "sixgrad: relu6_study and its tests are left out, they need Boost.Math (Debian and Ubuntu: libboost-dev)")
  return()
endif()

file(GLOB study_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/examples/study/*.cpp")
add_library(study STATIC ${study_sources})
set_target_properties(study PROPERTIES CXX_EXTENSIONS OFF)
target_compile_options(study PRIVATE ${SIX_HOST_FLAGS})
target_include_directories(study SYSTEM PRIVATE "${SIX_BOOST_INCLUDE}")
target_link_libraries(study PUBLIC sixgrad)

if(EXISTS "${PROJECT_SOURCE_DIR}/examples/relu6_study.cpp")
  six_program(relu6_study "${PROJECT_SOURCE_DIR}/examples/relu6_study.cpp")
  target_link_libraries(relu6_study PRIVATE study)
endif()
