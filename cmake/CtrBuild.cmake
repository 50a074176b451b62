# SPDX-License-Identifier: Apache-2.0
# Flags, options and the three helpers that every folder's CMakeLists.txt uses.
include(GNUInstallDirs)
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

option(CTR_TESTS "build the unit tests" ON)
option(CTR_FUZZ "build the libFuzzer targets (clang only)" OFF)
option(CTR_WERROR "warnings are errors" ON)
set(CTR_SANITIZE "" CACHE STRING "-fsanitize= list, for example address,undefined or thread")
set(CTR_SYSCONFDIR /etc/ctr CACHE STRING "folder of config.toml")

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_CXX_STANDARD 17)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo)
endif()
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

add_compile_definitions(_GNU_SOURCE CTR_VERSION="${PROJECT_VERSION}")
set(CTR_WARNINGS -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wformat=2 -Wundef -Wcast-qual
  -Wwrite-strings -Wvla)
set(CTR_C_WARNINGS -Wstrict-prototypes -Wmissing-prototypes)
if(CTR_WERROR)
  list(APPEND CTR_WARNINGS -Werror)
endif()
if(CTR_SANITIZE)
  add_compile_options(-fsanitize=${CTR_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=undefined)
  add_link_options(-fsanitize=${CTR_SANITIZE})
  if(CMAKE_C_COMPILER_ID STREQUAL "Clang" AND NOT CTR_FUZZ) # libFuzzer links with the static one only
    execute_process(COMMAND ${CMAKE_C_COMPILER} --print-runtime-dir
      OUTPUT_VARIABLE runtime OUTPUT_STRIP_TRAILING_WHITESPACE)
    # Workers and shims start with an empty environment, so the library's folder stands in the program.
    add_link_options(-shared-libasan -Wl,-rpath,${runtime})
  endif()
else()
  add_compile_options($<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=2>)
endif()
if(CTR_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link) # coverage feedback from all of our code
endif()
add_compile_options(-fstack-protector-strong -ffile-prefix-map=${CMAKE_SOURCE_DIR}/=)
add_link_options(-Wl,-z,relro -Wl,-z,now -Wl,--as-needed)

# ctr_warnings(TARGET): the project's flags on our own code (generated code goes without).
function(ctr_warnings target)
  target_compile_options(${target} PRIVATE ${CTR_WARNINGS}
    $<$<COMPILE_LANGUAGE:C>:${CTR_C_WARNINGS}>)
endfunction()

# ctr_library(NAME): a private static library of the .c files of this folder; includes are
# written from the top of the tree ("base/fd.h"), public SDK headers as <ctr/x.h>.
function(ctr_library name)
  file(GLOB sources CONFIGURE_DEPENDS *.c)
  add_library(${name} STATIC ${sources} ${ARGN})
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/sdk/include)
  ctr_warnings(${name})
endfunction()

# ctr_plugin(NAME [LIBS ...]): build/plugins/NAME.so from this folder's .c files. A plugin sees
# the SDK and base; undefined symbols are errors now, not at dlopen; one symbol leaves it.
function(ctr_plugin name)
  cmake_parse_arguments(P "" "" "LIBS;SOURCES" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS *.c)
  add_library(${name} MODULE ${sources} ${P_SOURCES})
  set_target_properties(${name} PROPERTIES PREFIX "" LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/plugins)
  target_link_libraries(${name} PRIVATE ctr_base ${P_LIBS})
  target_link_options(${name} PRIVATE -Wl,--exclude-libs,ALL)
  if(NOT CTR_SANITIZE)
    target_link_options(${name} PRIVATE -Wl,-z,defs)
  endif()
  ctr_warnings(${name})
  install(TARGETS ${name} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/ctr/plugins)
endfunction()
