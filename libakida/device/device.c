/* SPDX-License-Identifier: MIT */
/* Opening devices by name: the back-end table. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/diag.h"
#include "device/backend.h"

#define DEFAULT_BOARD "/dev/akida0"
#define DEFAULT_VIRTUAL "virtual:akd1000"

static const struct ak_backend *const backends[] = {&ak_backend_cpu,	&ak_backend_akd1000,	&ak_backend_akd1500,
						    &ak_backend_akida2, &ak_backend_akida2_two, &ak_backend_akida1,
						    &ak_backend_board,	&ak_backend_vfio};

const char *const *akida_device_names(void)
{
	static const char *const names[] = {"cpu",
					    "virtual:akd1000",
					    "virtual:akd1500",
					    "virtual:akida2",
					    "virtual:akida2:two-nodes",
					    "virtual:akida1:2",
					    NULL};

	return names;
}

static const struct ak_backend *find_backend(const char *name, struct akida_diag *diag, int *err)
{
	for (size_t i = 0; i < sizeof(backends) / sizeof(*backends); i++)
		if (backends[i]->prefix ? !strncmp(name, backends[i]->name, strlen(backends[i]->name))
					: !strcmp(name, backends[i]->name))
			return backends[i];
	*err = ak_fail(diag, -ENOENT, AK_RULE_DEVICE_NAME, name, "is not the name of a device");
	ak_remedy(diag,
		  "cpu, virtual:akd1000, virtual:akd1500, virtual:akida1:N (nodes), virtual:akida2, /dev/akidaN and "
		  "vfio:0000:01:00.0 can be opened");
	return NULL;
}

int akida_device_open(const char *name, struct akida_device **out, struct akida_diag *diag)
{
	const struct ak_backend *ops;
	struct akida_device *d;
	int err = -ENOENT;

	if (!out)
		return -EINVAL;
	*out = NULL;
	if (!name)
		name = access(DEFAULT_BOARD, F_OK) ? DEFAULT_VIRTUAL : DEFAULT_BOARD;
	ops = find_backend(name, diag, &err);
	if (!ops)
		return err;
	if (strlen(name) >= sizeof(d->info.name))
		return ak_fail(diag, -ENOENT, AK_RULE_DEVICE_NAME, name, "is longer than the name of any device");
	d = calloc(1, sizeof(*d));
	if (!d)
		return ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, name, "no memory for the device");
	d->ops = ops;
	d->info.size = sizeof(d->info);
	snprintf(d->info.name, sizeof(d->info.name), "%s", name);
	d->state = calloc(1, ops->state_bytes);
	if (!d->state) {
		err = ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, name, "no memory for the device");
		goto free_device;
	}
	err = ops->open(d, diag);
	if (err)
		goto free_state;
	*out = d;
	return 0;
free_state:
	free(d->state);
free_device:
	free(d);
	return err;
}

void akida_device_close(struct akida_device *d)
{
	if (!d)
		return;
	d->ops->close(d);
	free(d->state);
	free(d);
}

int akida_device_info(const struct akida_device *d, struct akida_device_info *info)
{
	uint32_t size;

	if (!d || !info || info->size < sizeof(uint32_t))
		return -EINVAL;
	size = info->size < sizeof(d->info) ? info->size : (uint32_t)sizeof(d->info);
	memcpy(info, &d->info, size);
	info->size = size;
	return 0;
}

int akida_device_reset(struct akida_device *d, struct akida_diag *diag)
{
	if (!d)
		return -EINVAL;
	if (!d->ops->reset)
		return ak_fail(diag, -EOPNOTSUPP, AK_RULE_DEVICE_NEEDS, d->info.name,
			       "is not a board: there is nothing to reset");
	return d->ops->reset(d, diag);
}

int akida_device_clock(struct akida_device *d, const char *mode, struct akida_diag *diag)
{
	if (!d || !mode)
		return -EINVAL;
	if (!d->ops->clock) {
		ak_fail(diag, -EOPNOTSUPP, AK_RULE_DEVICE_NEEDS, d->info.name, "its clock cannot be chosen");
		ak_remedy(diag, "leave it as it is; virtual:akd1000 has the modes of an AKD1000 board");
		return -EOPNOTSUPP;
	}
	return d->ops->clock(d, mode, diag);
}

int akida_device_verify(const struct akida_device *d, const struct akida_program *p, struct akida_diag *diag)
{
	if (!d || !p)
		return -EINVAL;
	if (!d->ops->verify) {
		ak_fail(diag, -EOPNOTSUPP, AK_RULE_DEVICE_NEEDS, d->info.name,
			"does not check programs without loading them");
		ak_remedy(diag, "verify on virtual:akd1000 or virtual:akd1500, the same code as in the kernel");
		return -EOPNOTSUPP;
	}
	return d->ops->verify(d, p, diag);
}

int64_t akida_device_power(struct akida_device *d, struct akida_power_event *ev, size_t max)
{
	if (!d || (!ev && max))
		return -EINVAL;
	if (!d->ops->reset || !(d->info.floor_mw > 0))
		return -EOPNOTSUPP;
	return (int64_t)d->ops->power(d, ev, max);
}
