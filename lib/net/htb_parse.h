// SPDX-License-Identifier: MIT
// What reading and writing a shaper share.
#pragma once

#define PT_HTB_HANDLE 0x10000u // 1:
