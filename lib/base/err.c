// SPDX-License-Identifier: MIT
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

// Messages quote what others wrote: a line break or an escape in it stays its own.
static void keep_line(char *msg)
{
	for (; *msg; msg++)
		if ((unsigned char)*msg < ' ' || *msg == 0x7f)
			*msg = '?';
}

void pt_err_fill(struct pt_err *err, int code, const char *fmt, ...)
{
	if (!err)
		return;
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(err->msg, sizeof(err->msg), fmt, ap); // a cut message is still a message
	va_end(ap);
	keep_line(err->msg);
	err->code = code;
}

void pt_err_fill_errno(struct pt_err *err, int code, const char *fmt, ...)
{
	if (!err)
		return;
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	size_t used = strlen(err->msg);
	(void)snprintf(err->msg + used, sizeof(err->msg) - used, ": %s", strerrordesc_np(-code));
	keep_line(err->msg);
	err->code = code;
}

int pt_err_wrap(struct pt_err *err, const char *fmt, ...)
{
	if (!err)
		return -1;
	char tail[sizeof(err->msg)];
	memcpy(tail, err->msg, sizeof(tail));
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	size_t used = strlen(err->msg);
	(void)snprintf(err->msg + used, sizeof(err->msg) - used, ": %s", tail);
	keep_line(err->msg);
	return err->code;
}
