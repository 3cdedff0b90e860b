// SPDX-License-Identifier: MIT
// Classes of a shaped device, as HTB numbers them; 0: the one for what nobody classifies.
#pragma once

#define PT_SHAPE_NONE    0
#define PT_SHAPE_CONTROL 0x10010 // 1:10, as tc(8) writes it
#define PT_SHAPE_DATA    0x10020
#define PT_SHAPE_BULK    0x10030
