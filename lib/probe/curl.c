// SPDX-License-Identifier: MIT
#include "probe/curl.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"

static const struct {
	const char *symbol;
	size_t offset;
} functions[] = {
#define X(name) { "curl_" #name, offsetof(struct pt_curl, name) },
	PT_CURL_FUNCTIONS(X)
#undef X
};

int pt_curl_load(struct pt_curl *out, struct pt_err *err)
{
	struct pt_curl c = { .library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_NODELETE) };

	if (!c.library)
		return pt_err_set(
			err, -ENOENT, "HTTP needs libcurl (package libcurl4): %s", dlerror());
	for (size_t i = 0; i < PT_ARRAY_LEN(functions); i++) {
		void *f = dlsym(c.library, functions[i].symbol);
		if (!f)
			return pt_err_set(
				err, -ENOENT, "this libcurl has no %s", functions[i].symbol);
		memcpy((char *)&c + functions[i].offset, &f, sizeof(f));
	}
	if (c.global_init(CURL_GLOBAL_DEFAULT))
		return pt_err_set(err, -ENOMEM, "libcurl does not start");
	*out = c;
	return 0;
}
