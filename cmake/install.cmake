# include/sixgrad.h and include/sixgrad/, two libraries, and a package for find_package(sixgrad). The double library is its component
# f64, installed if it was built.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/sixgrad")
set(may_lack_sixgrad_f64 OPTIONAL)
foreach(library sixgrad sixgrad_f64)
  if(TARGET ${library})
    install(TARGETS ${library} EXPORT ${library} ${may_lack_${library}})
    install(EXPORT ${library} NAMESPACE sixgrad:: FILE ${library}Targets.cmake DESTINATION "${package_dir}")
  endif()
endforeach()
install(FILES "${SIX_INCLUDE_DIR}/sixgrad.h" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(FILES "${PROJECT_SOURCE_DIR}/sixgrad.h" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/sixgrad")
foreach(room ${SIX_ROOMS})
  if(IS_DIRECTORY "${PROJECT_SOURCE_DIR}/${room}")
    install(DIRECTORY "${PROJECT_SOURCE_DIR}/${room}" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/sixgrad" FILES_MATCHING PATTERN "*.h")
  endif()
endforeach()
if(TARGET mnist)
  install(TARGETS mnist)
endif()

configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/sixgradConfig.cmake.in" "${PROJECT_BINARY_DIR}/sixgradConfig.cmake"
                              INSTALL_DESTINATION "${package_dir}" PATH_VARS CMAKE_INSTALL_LIBDIR)
write_basic_package_version_file("${PROJECT_BINARY_DIR}/sixgradConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/sixgradConfig.cmake" "${PROJECT_BINARY_DIR}/sixgradConfigVersion.cmake" DESTINATION "${package_dir}")
