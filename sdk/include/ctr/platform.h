/* SPDX-License-Identifier: Apache-2.0
 *
 * The platform that this is compiled for, in OCI's words. Frozen since SDK 1.0.
 */
#ifndef CTR_PLATFORM_H
#define CTR_PLATFORM_H

#if defined(__x86_64__)
#define CTR_ARCH "amd64"
#elif defined(__aarch64__)
#define CTR_ARCH "arm64"
#elif defined(__arm__)
#define CTR_ARCH "arm"
#elif defined(__i386__)
#define CTR_ARCH "386"
#elif defined(__riscv) && __riscv_xlen == 64
#define CTR_ARCH "riscv64"
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
#define CTR_ARCH "ppc64le"
#elif defined(__s390x__)
#define CTR_ARCH "s390x"
#else
#error "add this architecture's name in OCI's words"
#endif

#define CTR_PLATFORM "linux/" CTR_ARCH

#endif
