# SPDX-License-Identifier: Apache-2.0
# Cross-build for arm64: cmake --toolchain cmake/aarch64-linux-gnu.cmake -DCTR_SYSROOT=DIR, where DIR holds Debian's arm64
# -dev packages (tests/cross/sysroot.sh makes one). Programs of the build run under qemu-aarch64-static, by the sysroot's own
# loader: with -L instead, qemu would look for every path in the sysroot first, / among them.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES CTR_SYSROOT)
if(NOT CTR_SYSROOT)
  message(FATAL_ERROR "CTR_SYSROOT is not set")
endif()

set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(CMAKE_SYSROOT ${CTR_SYSROOT})
set(CMAKE_FIND_ROOT_PATH ${CTR_SYSROOT})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)

set(ENV{PKG_CONFIG_DIR} "")
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${CTR_SYSROOT})
set(ENV{PKG_CONFIG_LIBDIR} ${CTR_SYSROOT}/usr/lib/aarch64-linux-gnu/pkgconfig:${CTR_SYSROOT}/usr/share/pkgconfig)
set(libraries ${CTR_SYSROOT}/usr/lib/aarch64-linux-gnu)
set(CMAKE_CROSSCOMPILING_EMULATOR
  qemu-aarch64-static -L / ${libraries}/ld-linux-aarch64.so.1 --library-path ${libraries})
