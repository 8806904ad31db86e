/// \file
/// What a filter of system calls (seccomp) is told of the machine that it runs on.
#pragma once

#include <linux/audit.h>

#include <cstdint>

#if defined(__x86_64__)
constexpr std::uint32_t k_arch = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t k_arch = AUDIT_ARCH_AARCH64;
#else
#error "only the calls and registers of x86-64 and arm64 are known here"
#endif

/// That a filter cannot be set up here is no failure of a test.
constexpr int k_cannot = 125;
