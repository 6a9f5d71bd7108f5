// SPDX-License-Identifier: MIT
/* The few calls of MPI that training and search need, see ranks.h. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <akida/train.h>
#include "base/diag.h"
#include "ranks.h"

/* Variables that OpenMPI's mpirun (and a PMIx launcher such as srun) gives to the processes it starts. */
static bool started_by_mpirun(void)
{
	return getenv("OMPI_COMM_WORLD_SIZE") || getenv("PMIX_RANK");
}

#ifdef AKIDA_OPENMPI
#include <dlfcn.h>
#include <mpi.h>

#define MESSAGE (1u << 20) /* values a call: a count is an int */

static struct {
	void *library;
	bool open, closed;
	int (*init)(int *argc, char ***argv);
	int (*finalize)(void);
	int (*comm_rank)(MPI_Comm comm, int *rank);
	int (*comm_size)(MPI_Comm comm, int *size);
	int (*set_handler)(MPI_Comm comm, MPI_Errhandler handler);
	int (*allreduce)(const void *send, void *recv, int count, MPI_Datatype type, MPI_Op op, MPI_Comm comm);
	/* what MPI_COMM_WORLD and the like stand for: addresses of objects of the library */
	MPI_Comm world;
	MPI_Datatype type_float, type_double;
	MPI_Op op_sum, op_max;
	MPI_Errhandler errors_return;
} mpi;

/* ISO C has no conversion from void * to a function; POSIX says that this one works. */
static bool find(const char *name, void *to)
{
	void *p = dlsym(mpi.library, name);

	memcpy(to, &p, sizeof(p));
	return p != NULL;
}

static bool load(void)
{
	if (mpi.library)
		return true;
	/* global: the library's own plugins look for its symbols */
	mpi.library = dlopen("libmpi.so.40", RTLD_NOW | RTLD_GLOBAL);
	if (!mpi.library)
		return false;
	if (find("MPI_Init", &mpi.init) && find("MPI_Finalize", &mpi.finalize) &&
	    find("MPI_Comm_rank", &mpi.comm_rank) && find("MPI_Comm_size", &mpi.comm_size) &&
	    find("MPI_Comm_set_errhandler", &mpi.set_handler) && find("MPI_Allreduce", &mpi.allreduce) &&
	    find("ompi_mpi_comm_world", &mpi.world) && find("ompi_mpi_float", &mpi.type_float) &&
	    find("ompi_mpi_double", &mpi.type_double) && find("ompi_mpi_op_sum", &mpi.op_sum) &&
	    find("ompi_mpi_op_max", &mpi.op_max) && find("ompi_mpi_errors_return", &mpi.errors_return))
		return true;
	dlclose(mpi.library);
	mpi.library = NULL;
	return false;
}

static int start(struct ak_ranks *r, struct akida_diag *diag)
{
	int rank, count;

	if (!load()) {
		ak_fail(diag, -EOPNOTSUPP, AK_RULE_TRAIN_RANKS, "mpirun", "libmpi.so.40 (OpenMPI 2 to 4) is not found");
		ak_remedy(diag, "install openmpi-bin, or start one process without mpirun");
		return -EOPNOTSUPP;
	}
	if (mpi.closed)
		return ak_fail(diag, -EIO, AK_RULE_TRAIN_RANKS, "mpirun", "MPI was ended in this process already");
	if (!mpi.open && mpi.init(NULL, NULL) != MPI_SUCCESS)
		return ak_fail(diag, -EIO, AK_RULE_TRAIN_RANKS, "mpirun", "MPI_Init fails");
	if (!mpi.open)
		atexit(ak_ranks_close);
	mpi.open = true;
	if (mpi.set_handler(mpi.world, mpi.errors_return) != MPI_SUCCESS ||
	    mpi.comm_rank(mpi.world, &rank) != MPI_SUCCESS || mpi.comm_size(mpi.world, &count) != MPI_SUCCESS)
		return ak_fail(diag, -EIO, AK_RULE_TRAIN_RANKS, "mpirun", "MPI does not tell this process its rank");
	r->rank = (uint32_t)rank;
	r->count = (uint32_t)count;
	return 0;
}

static int reduce(const struct ak_ranks *r, void *v, size_t n, size_t bytes, MPI_Datatype type, MPI_Op op)
{
	size_t i, some;

	for (i = 0; r->count > 1 && i < n; i += some) {
		some = n - i < MESSAGE ? n - i : MESSAGE;
		/* MPI_IN_PLACE is the address 1 in OpenMPI; its macro casts an integer */
		if (mpi.allreduce(MPI_IN_PLACE, (char *)v + i * bytes, (int)some, type, op, mpi.world) != MPI_SUCCESS)
			return -EIO;
	}
	return 0;
}

int ak_ranks_sum(const struct ak_ranks *r, float *v, size_t n)
{
	return reduce(r, v, n, sizeof(*v), mpi.type_float, mpi.op_sum);
}

int ak_ranks_sum_double(const struct ak_ranks *r, double *v, size_t n)
{
	return reduce(r, v, n, sizeof(*v), mpi.type_double, mpi.op_sum);
}

int ak_ranks_max(const struct ak_ranks *r, float *v, size_t n)
{
	return reduce(r, v, n, sizeof(*v), mpi.type_float, mpi.op_max);
}

void ak_ranks_close(void)
{
	if (mpi.open && !mpi.closed)
		mpi.finalize();
	mpi.closed = mpi.open;
}

#else

static int start(struct ak_ranks *r, struct akida_diag *diag)
{
	(void)r;
	ak_fail(diag, -EOPNOTSUPP, AK_RULE_TRAIN_RANKS, "mpirun", "this library was built without OpenMPI");
	ak_remedy(diag, "install libopenmpi-dev and build again, or start one process without mpirun");
	return -EOPNOTSUPP;
}

int ak_ranks_sum(const struct ak_ranks *r, float *v, size_t n)
{
	(void)v;
	(void)n;
	return r->count > 1 ? -EIO : 0;
}

int ak_ranks_sum_double(const struct ak_ranks *r, double *v, size_t n)
{
	(void)v;
	(void)n;
	return r->count > 1 ? -EIO : 0;
}

int ak_ranks_max(const struct ak_ranks *r, float *v, size_t n)
{
	return ak_ranks_sum(r, v, n);
}

void ak_ranks_close(void)
{
}

#endif

int ak_ranks_open(struct ak_ranks *r, struct akida_diag *diag)
{
	r->rank = 0;
	r->count = 1;
	return started_by_mpirun() ? start(r, diag) : 0;
}

int akida_ranks_apart(uint32_t *rank, uint32_t *count, struct akida_diag *diag)
{
	struct ak_ranks r;
	int err = ak_ranks_open(&r, diag);

	ak_ranks_close();
	if (err)
		return err;
	*rank = r.rank;
	*count = r.count;
	return 0;
}

int akida_ranks_together(uint32_t *rank, uint32_t *count, struct akida_diag *diag)
{
	struct ak_ranks r;
	int err = ak_ranks_open(&r, diag);

	if (err)
		return err;
	*rank = r.rank;
	*count = r.count;
	return 0;
}
