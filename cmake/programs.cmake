# Every examples/NAME.cpp is a program NAME, together with the sources of a folder examples/NAME/; bench/*.cpp are one program.
function(six_program name)
  add_executable(${name} ${ARGN})
  set_target_properties(${name} PROPERTIES CXX_EXTENSIONS OFF)
  target_compile_options(${name} PRIVATE ${SIX_HOST_FLAGS})
  target_link_libraries(${name} PRIVATE sixgrad CLI11::CLI11)
endfunction()

file(GLOB example_mains CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/examples/*.cpp")
foreach(main ${example_mains})
  get_filename_component(name "${main}" NAME_WE)
  file(GLOB parts CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/examples/${name}/*.cpp")
  six_program(${name} "${main}" ${parts})
endforeach()

file(GLOB bench_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/bench/*.cpp")
if(bench_sources)
  six_program(bench ${bench_sources})
endif()
