#What `cmake-- install` puts in place; the helpers are found from wherever the prefix is.
if (TARGET rbit)
  install(TARGETS rbit RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
if(TARGET rbit-leader)
  install(TARGETS rbit-leader RUNTIME DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/rbit)
endif()
install(FILES ${PROJECT_SOURCE_DIR}/man/page.webp DESTINATION ${CMAKE_INSTALL_DOCDIR}/man)
foreach(section 1 5 7)
  file(GLOB pages CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/man/*.${section})
  install(FILES ${pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
endforeach()
install(FILES ${PROJECT_SOURCE_DIR}/conf/rbit.ini ${PROJECT_SOURCE_DIR}/README.rst
              ${PROJECT_SOURCE_DIR}/LICENSE
        DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/conf/supervisord ${PROJECT_SOURCE_DIR}/conf/systemd
                  ${PROJECT_SOURCE_DIR}/conf/prometheus ${PROJECT_SOURCE_DIR}/conf/grafana
        DESTINATION ${CMAKE_INSTALL_DOCDIR})

# In the build tree the Python host is found beside rbit too.
file(CREATE_LINK ${PROJECT_SOURCE_DIR}/runners/python ${PROJECT_BINARY_DIR}/python SYMBOLIC)
