// The read sides of the locks as the kernel has them on x86-64, in C, to be compared with `src/kernel/sync/`.
//
// For comparison only (`locks.ts`). Each pair executes the instructions that the kernel's functions compile to without
// contention by writers; what would be a slow path ends the program, because no round has one. The words lie where
// `src/kernel/sync/` has them, and are 32 bits wide as there.
//
// Linux 6.6: down_read_trylock() and up_read() of kernel/locking/rwsem.c, refcount_inc_not_zero() and
// refcount_dec_and_test() of include/linux/refcount.h without the check for saturation, __srcu_read_lock() and
// __srcu_read_unlock() of kernel/rcu/srcutree.c. RCU: compiler barriers, and the quiescent state of `sync/rcu.ts`.

#define _GNU_SOURCE
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef _Atomic uint32_t cell32;

#define load(cell) atomic_load_explicit(&(cell), memory_order_relaxed)
#define store(cell, value) atomic_store_explicit(&(cell), (value), memory_order_relaxed)
#define compiler_barrier() __asm__ volatile("" ::: "memory")

/* The kernel's smp_mb(). With -DEXCHANGE the instruction that V8 has for it. */
static inline void barrier(void)
{
#ifdef EXCHANGE
	uint32_t own, value = 0;
	__asm__ volatile("xchgl %0,%1" : "+r"(value), "=m"(own)::"memory");
#else
	__asm__ volatile("lock; addl $0,-4(%%rsp)" ::: "memory", "cc");
#endif
}

static void slow_path(const char *where)
{
	fprintf(stderr, "%s: a slow path was taken\n", where);
	abort();
}

/* The kernel's xadd(): returns what the cell held. With -DEXCHANGE a loop, which begins with a guess. */
static inline uint32_t exchange_add(cell32 *cell, uint32_t guess, uint32_t delta)
{
#ifdef EXCHANGE
	while (!atomic_compare_exchange_strong(cell, &guess, guess + delta))
		;
	return guess;
#else
	(void)guess;
	__asm__ volatile("lock; xaddl %0,%1" : "+r"(delta), "+m"(*cell)::"memory", "cc");
	return delta;
#endif
}

struct rwsem {
	cell32 count;
	cell32 owner;
	uint32_t pad[14];
	cell32 data;
};

enum {
	WRITER = 1,
	WAITERS = 2,
	FLAGS = 7,
	READER = 256,
	OWNER_READERS = 1,
	OWNER_NOT_SPINNABLE = 2,
};

static inline bool try_read_lock(struct rwsem *sem, uint32_t task)
{
	uint32_t seen = 0;
	do {
		if (atomic_compare_exchange_strong_explicit(&sem->count, &seen, seen + READER, memory_order_acquire,
							    memory_order_relaxed)) {
			uint32_t kept = load(sem->owner) & OWNER_NOT_SPINNABLE;
			store(sem->owner, (task + 1) << 2 | OWNER_READERS | kept);
			return true;
		}
	} while ((seen & FLAGS) == 0);
	return false;
}

static inline void read_unlock(struct rwsem *sem)
{
	uint32_t held = exchange_add(&sem->count, READER, -(uint32_t)READER) - READER;
	if ((held & (~(uint32_t)(READER - 1) | WRITER | WAITERS)) == WAITERS)
		slow_path("up_read");
}

static inline bool increment_unless_zero(cell32 *count)
{
	uint32_t seen = load(*count);
	do {
		if (seen == 0)
			return false;
	} while (!atomic_compare_exchange_strong_explicit(count, &seen, seen + 1, memory_order_relaxed,
							  memory_order_relaxed));
	return true;
}

static inline bool decrement_and_test(cell32 *count)
{
	return exchange_add(count, 2, -(uint32_t)1) == 1;
}

struct srcu {
	cell32 rank;
	uint32_t pad0[31];
	struct {
		uint32_t entered[2];
		uint32_t left[2];
		uint32_t pad[12];
	} part[2];
};

/* this_cpu_inc(): one instruction without a lock prefix. */
static inline void increment(uint32_t *count)
{
	__asm__ volatile("incl %0" : "+m"(*count)::"cc");
}

static inline uint32_t srcu_read_lock(struct srcu *srcu, uint32_t cpu)
{
	uint32_t rank = load(srcu->rank) & 1;
	increment(&srcu->part[cpu].entered[rank]);
	barrier();
	return rank;
}

static inline void srcu_read_unlock(struct srcu *srcu, uint32_t cpu, uint32_t rank)
{
	barrier();
	increment(&srcu->part[cpu].left[rank]);
}

struct rcu {
	cell32 started;
	uint32_t pad0[15];
	struct {
		cell32 seen;
		cell32 pending;
		uint32_t pad[14];
	} part[2];
};

static inline void rcu_quiescent(struct rcu *rcu, uint32_t cpu)
{
	uint32_t started = load(rcu->started);
	if (load(rcu->part[cpu].seen) != started)
		store(rcu->part[cpu].seen, started);
	if (load(rcu->part[cpu].pending) != 0)
		slow_path("rcu_quiescent");
}

enum { PLACES = 32 };

/* A page each: what a transfer between cores takes depends on where a line lies. */
static struct place {
	_Alignas(4096) struct rwsem rwsem;
	_Alignas(64) cell32 count;
	_Alignas(64) cell32 data;
	_Alignas(64) struct srcu srcu;
	_Alignas(64) struct rcu rcu;
} places[PLACES];

// The bursts of `src/kernel/litmus/read-side.ts`.

static inline uint32_t gap(uint32_t random)
{
	uint32_t next = random * 1664525u + 1013904223u;
	for (uint32_t left = next >> 28; left > 0; left--)
		next = next * 1664525u + 1013904223u;
	return next;
}

static uint32_t rwsem_bursts(struct place *place, uint32_t cpu, uint32_t bursts, uint32_t pairs, uint32_t random)
{
	for (uint32_t burst = 0; burst < bursts; burst++) {
		for (uint32_t pair = 0; pair < pairs; pair++) {
			if (!try_read_lock(&place->rwsem, cpu))
				continue;
			(void)*(volatile uint32_t *)&place->rwsem.data;
			read_unlock(&place->rwsem);
		}
		random = gap(random);
	}
	return random;
}

static uint32_t refcount_bursts(struct place *place, uint32_t cpu, uint32_t bursts, uint32_t pairs, uint32_t random)
{
	(void)cpu;
	for (uint32_t burst = 0; burst < bursts; burst++) {
		for (uint32_t pair = 0; pair < pairs; pair++) {
			if (!increment_unless_zero(&place->count))
				continue;
			(void)*(volatile uint32_t *)&place->data;
			if (decrement_and_test(&place->count))
				slow_path("refcount_dec_and_test");
		}
		random = gap(random);
	}
	return random;
}

static uint32_t srcu_bursts(struct place *place, uint32_t cpu, uint32_t bursts, uint32_t pairs, uint32_t random)
{
	for (uint32_t burst = 0; burst < bursts; burst++) {
		for (uint32_t pair = 0; pair < pairs; pair++) {
			uint32_t rank = srcu_read_lock(&place->srcu, cpu);
			(void)*(volatile uint32_t *)&place->srcu.rank;
			srcu_read_unlock(&place->srcu, cpu, rank);
		}
		random = gap(random);
	}
	return random;
}

static uint32_t rcu_bursts(struct place *place, uint32_t cpu, uint32_t bursts, uint32_t pairs, uint32_t random)
{
	for (uint32_t burst = 0; burst < bursts; burst++) {
		for (uint32_t pair = 0; pair < pairs; pair++) {
			compiler_barrier();
			(void)*(volatile uint32_t *)&place->rcu.started;
			compiler_barrier();
			rcu_quiescent(&place->rcu, cpu);
		}
		random = gap(random);
	}
	return random;
}

typedef uint32_t bursts_function(struct place *place, uint32_t cpu, uint32_t bursts, uint32_t pairs, uint32_t random);

static const struct {
	const char *name;
	bursts_function *run;
} primitives[] = {
	{ "rwsem", rwsem_bursts },
	{ "refcount", refcount_bursts },
	{ "srcu", srcu_bursts },
	{ "rcu", rcu_bursts },
};

// Rounds.

enum { THREADS_MAX = 2, BURSTS_AT_ONCE = 8 };

static struct {
	bursts_function *run;
	uint32_t threads;
	uint32_t bursts;
	uint32_t pairs;
	uint32_t seed;
} order;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static uint32_t round_number;
static uint32_t missing;
static double ns_per_pair[THREADS_MAX];
static _Alignas(64) cell32 arrived;
static _Alignas(64) cell32 stopped;

static uint64_t clock_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Runs until this thread has done its bursts or another one has: from then on there would be no contention. */
static double perform(uint32_t cpu)
{
	uint32_t random = order.seed + cpu;
	struct place *place = &places[order.seed / 2 % PLACES];
	atomic_fetch_add(&arrived, 1);
	while (load(arrived) < order.threads)
		;
	uint32_t done = 0;
	uint64_t begin = clock_ns();
	do {
		random = order.run(place, cpu, BURSTS_AT_ONCE, order.pairs, random);
		done += BURSTS_AT_ONCE;
	} while (done < order.bursts && load(stopped) == 0);
	uint64_t elapsed = clock_ns() - begin;
	store(stopped, 1);
	return (double)elapsed / ((double)done * order.pairs);
}

static void *thread_main(void *argument)
{
	uint32_t cpu = (uint32_t)(uintptr_t)argument;
	uint32_t seen = 0;
	for (;;) {
		pthread_mutex_lock(&mutex);
		while (round_number == seen || cpu >= order.threads) {
			seen = round_number;
			pthread_cond_wait(&changed, &mutex);
		}
		seen = round_number;
		pthread_mutex_unlock(&mutex);
		double ns = perform(cpu);
		pthread_mutex_lock(&mutex);
		ns_per_pair[cpu] = ns;
		missing--;
		pthread_cond_broadcast(&changed);
		pthread_mutex_unlock(&mutex);
	}
	return NULL;
}

/* Mean of the threads' times per pair. */
static double run_round(void)
{
	store(arrived, 0);
	store(stopped, 0);
	pthread_mutex_lock(&mutex);
	missing = order.threads;
	round_number++;
	pthread_cond_broadcast(&changed);
	while (missing != 0)
		pthread_cond_wait(&changed, &mutex);
	pthread_mutex_unlock(&mutex);
	double sum = 0;
	for (uint32_t cpu = 0; cpu < order.threads; cpu++)
		sum += ns_per_pair[cpu];
	return sum / order.threads;
}

/* Arguments: for each thread the core that it stays on. */
int main(int count, char **cores)
{
	char line[256];
	if (count != 1 + THREADS_MAX)
		return 2;
	for (int index = 0; index < PLACES; index++) {
		store(places[index].count, 1);
		store(places[index].rcu.started, 1);
	}
	for (uintptr_t cpu = 0; cpu < THREADS_MAX; cpu++) {
		pthread_t thread;
		cpu_set_t set;
		CPU_ZERO(&set);
		CPU_SET(atoi(cores[1 + cpu]), &set);
		if (pthread_create(&thread, NULL, thread_main, (void *)cpu) != 0 ||
		    pthread_setaffinity_np(thread, sizeof set, &set) != 0)
			return 1;
	}
	while (fgets(line, sizeof line, stdin) != NULL) {
		char name[16];
		uint32_t threads, bursts, pairs, seed;
		const char *answer = "unknown command";
		if (sscanf(line, "run %15s %" SCNu32 " %" SCNu32 " %" SCNu32 " %" SCNu32, name, &threads, &bursts,
			   &pairs, &seed) == 5 &&
		    threads <= THREADS_MAX) {
			for (size_t index = 0; index < sizeof primitives / sizeof *primitives; index++) {
				if (strcmp(primitives[index].name, name) != 0)
					continue;
				pthread_mutex_lock(&mutex);
				order.run = primitives[index].run;
				order.threads = threads;
				order.bursts = bursts;
				order.pairs = pairs;
				order.seed = seed;
				pthread_mutex_unlock(&mutex);
				printf("ok %.4f\n", run_round());
				answer = NULL;
			}
		}
		for (int index = 0; index < PLACES; index++)
			if (load(places[index].rwsem.count) != 0 || load(places[index].count) != 1)
				slow_path("between rounds");
		if (answer != NULL)
			puts(answer);
		fflush(stdout);
	}
	return 0;
}
