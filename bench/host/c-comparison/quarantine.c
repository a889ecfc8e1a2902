// The reference quarantine in C: what `singly-linked-fifo` and the slab substrate below it would cost without Wasm.
//
// For comparison only (`compare.ts`). It follows src/kernel/ structure by structure: the same fields at the same
// offsets, the same accesses in the same order, the same events. Both sides even put everything at the same
// addresses, so that after the same events their memories are equal byte for byte, which `compare.ts` checks.
// Left out: other CPUs (there is one), notes and symbols (they compile to nothing).
//
// Built with -DFLOOR, `put` takes an object and forgets it: what is left is the interpreter.

#define _GNU_SOURCE
#include <inttypes.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

typedef _Atomic uint32_t cell32;
typedef _Atomic uint64_t cell64;

// The accesses of `machine/access.ts`: relaxed loads and stores are one `mov`, the others a locked instruction.
#define load(cell) atomic_load_explicit(&(cell), memory_order_relaxed)
#define store(cell, value) atomic_store_explicit(&(cell), (value), memory_order_relaxed)

static inline uint32_t compare_exchange(cell32 *cell, uint32_t expected, uint32_t value)
{
	atomic_compare_exchange_strong(cell, &expected, value);
	return expected;
}

enum {
	LINE = 64,
	PAGE = 4096,
	ORDER_MAX = 10,
	EMPTY_SLABS_MAX = 5,
	BATCH_COUNT = 1024,
	CPU_QUEUE_BYTES_MAX = 1 << 20,
	RAM_FRACTION = 32,
};

// `machine/access.ts`, CpuBlock. One CPU's lines.
struct cpu_block {
	cell32 barrier_cell;
	uint32_t pad0[15];
	cell64 mailbox;
	uint32_t idle[2];
	uint64_t pad1[6];
	uint32_t deferred[2];
	cell32 freed_count;
	cell32 left_behind_count;
	cell32 progress;
	cell32 position;
	uint32_t pad2[10];
};
_Static_assert(sizeof(struct cpu_block) == 192, "three lines");
_Static_assert(offsetof(struct cpu_block, freed_count) == 136, "where layout.ts says");

// `slab/page.ts`, Page. Links are the low 32 bits of an address, which are all of them: see `map_region`.
struct page {
	cell32 cache;
	uint32_t pad0;
	cell32 free_objects;
	uint32_t pad1;
	cell32 used_count;
	cell32 order;
	cell32 next;
	cell32 previous;
	cell32 head;
	cell32 address;
	uint64_t pad2;
	cell32 next_slab;
	cell32 previous_slab;
	uint64_t pad3;
};
_Static_assert(sizeof(struct page) == 64, "one line");

// `slab/page.ts`, Arena. In front of the page table.
struct arena {
	cell32 lock;
	cell32 used_pages;
	cell32 free_blocks[ORDER_MAX + 1];
	cell32 pad;
	uint64_t pads;
};
_Static_assert(sizeof(struct arena) == 64, "one line");

// `slab/cache.ts`, Cache.
struct cache {
	cell32 object_size;
	cell32 slot_size;
	cell32 objects_per_slab;
	cell32 order;
	cell32 exists;
	uint32_t pad0[11];
	cell32 lock;
	cell32 partial;
	cell32 used_count;
	cell32 slab_count;
	cell32 empty_count;
	cell32 slabs;
	uint32_t pad1[10];
	cell32 variant[16];
};
_Static_assert(sizeof(struct cache) == 192, "three lines");
_Static_assert(offsetof(struct cache, lock) == 64, "the written line");

// `slab/cache.ts`, FreeObject: what an object that is not live begins with.
struct object {
	cell32 next;
	uint32_t pad0;
	cell32 state;
	uint32_t pad1;
};

enum { OBJECT_FREE, OBJECT_LIVE, OBJECT_QUARANTINED };

// `quarantine/queue.ts`, Queue.
struct queue {
	cell32 head;
	uint32_t pad0;
	cell32 tail;
	uint32_t pad1;
	cell64 bytes;
};
_Static_assert(sizeof(struct queue) == 24, "as in Linux before 5.10");

// `quarantine/sizing.ts`, Machine.
struct machine {
	cell64 ram_bytes;
	cell32 online_count;
	uint32_t pad0;
	uint64_t pad1[6];
};
_Static_assert(sizeof(struct machine) == 64, "one line");

// `quarantine/singly-linked-fifo.ts`, Ring and CpuPart.
struct ring {
	cell32 lock;
	cell32 head;
	cell32 tail;
	uint32_t pad0;
	cell64 bytes;
	cell64 bytes_max;
	cell64 batch_bytes;
	uint64_t pad1[3];
};
_Static_assert(sizeof(struct ring) == 64, "one line");

struct cpu_part {
	struct queue queue;
	cell32 offline;
	uint32_t pad0[9];
	struct queue removed;
	cell32 removed_lock;
	uint32_t pad1[9];
};
_Static_assert(sizeof(struct cpu_part) == 128, "two lines");
_Static_assert(offsetof(struct cpu_part, removed) == 64, "a line for the interrupt");

// `sync/srcu.ts`, Domain and CpuPart of the one CPU. Times stay 0: the clock stands still on both sides.
struct srcu {
	cell32 rank;
	uint32_t pad0[15];
	cell32 sequence;
	cell32 needed;
	cell32 needed_expedited;
	cell32 lock;
	cell64 due;
	cell64 last_end;
	cell32 beginning;
	cell32 no_delays;
	uint32_t retries[2];
	cell64 callbacks_due[2];
	cell32 entered[2];
	cell32 left[2];
	uint32_t callbacks[3];
	cell32 waiting;
	uint32_t pad1[8];
};
_Static_assert(sizeof(struct srcu) == 192, "three lines");
_Static_assert(offsetof(struct srcu, sequence) == 64 && offsetof(struct srcu, entered) == 128, "as in srcu.ts");

// Everything at `problemBase` for one CPU (`quarantine/region.ts`).
struct problem {
	struct machine machine;
	cell32 online[256];
	struct cpu_part part;
	struct ring ring;
	struct srcu srcu;
	struct queue batches[BATCH_COUNT];
};

// `kernel/events.ts`.
struct event {
	uint16_t kind;
	uint16_t flags;
	uint32_t task;
	uint32_t object;
	uint32_t group;
	// First operand. A free leaves the object's address here, for `settle`.
	uint32_t a;
	uint32_t a_upper;
	uint64_t b;
};
_Static_assert(sizeof(struct event) == 32, "event record");

enum { EVENT_CREATE = 3, EVENT_DESTROY = 4, EVENT_ALLOCATE = 5, EVENT_FREE = 6 };

// What a removal keeps on its task's stack.
struct task_stack {
	struct queue removed;
	uint32_t pad0[10];
	cell32 pending;
	cell32 cache;
};
_Static_assert(offsetof(struct task_stack, pending) == 64, "the request follows the queue's line");

// Where things lie, as the Wasm side says.
static struct cpu_block *cpu_block;
static struct task_stack *task_stack;
static struct event *events;
static uint32_t *object_table;
static struct cache *caches;
static struct problem *problem;
static struct page *page_table;
static struct arena *arena;
static uintptr_t arena_base;
static uintptr_t arena_end;
static bool true_size;

#define pointer(type, link) ((struct type *)(uintptr_t)(link))
#define link_to(pointer) ((uint32_t)(uintptr_t)(pointer))

static inline void barrier(void)
{
	atomic_exchange(&cpu_block->barrier_cell, 0);
}

static inline void acquire(cell32 *lock)
{
	while (compare_exchange(lock, 0, 1) != 0)
		while (load(*lock) != 0)
			;
}

static inline void release(cell32 *lock)
{
	// On x86 a plain store; as strong as that of the Wasm side.
	atomic_store_explicit(lock, 0, memory_order_release);
}

// Pages.

static inline struct page *head_page_of(const struct object *object)
{
	return pointer(page, load(page_table[((uintptr_t)object - arena_base) / PAGE].head));
}

static struct page *take_pages(uint32_t order)
{
	if (order > ORDER_MAX)
		return NULL;
	acquire(&arena->lock);
	uint32_t found = order;
	while (found <= ORDER_MAX && load(arena->free_blocks[found]) == 0)
		found++;
	struct page *block;
	if (found <= ORDER_MAX) {
		block = pointer(page, load(arena->free_blocks[found]));
		store(arena->free_blocks[found], load(block->next));
		while (found > order) {
			found--;
			struct page *upper = block + ((size_t)1 << found);
			store(upper->next, load(arena->free_blocks[found]));
			store(arena->free_blocks[found], link_to(upper));
		}
	} else {
		uint32_t used = load(arena->used_pages);
		if (arena_base + ((uintptr_t)used + (1u << order)) * PAGE > arena_end) {
			release(&arena->lock);
			return NULL;
		}
		store(arena->used_pages, used + (1u << order));
		block = page_table + used;
		for (uint32_t index = 0; index < 1u << order; index++)
			store(block[index].address, (uint32_t)(arena_base + ((uintptr_t)used + index) * PAGE));
	}
	release(&arena->lock);
	store(block->order, order);
	for (uint32_t index = 0; index < 1u << order; index++)
		store(block[index].head, link_to(block));
	return block;
}

static void give_pages(struct page *block)
{
	uint32_t order = load(block->order);
	acquire(&arena->lock);
	store(block->next, load(arena->free_blocks[order]));
	store(arena->free_blocks[order], link_to(block));
	release(&arena->lock);
}

// Slabs.

static void push_partial(struct cache *cache, struct page *slab)
{
	uint32_t first = load(cache->partial);
	store(slab->next, first);
	store(slab->previous, 0);
	if (first != 0)
		store(pointer(page, first)->previous, link_to(slab));
	store(cache->partial, link_to(slab));
}

static void unlink_partial(struct cache *cache, struct page *slab)
{
	uint32_t next = load(slab->next);
	uint32_t previous = load(slab->previous);
	if (previous == 0)
		store(cache->partial, next);
	else
		store(pointer(page, previous)->next, next);
	if (next != 0)
		store(pointer(page, next)->previous, previous);
}

static struct page *grow(struct cache *cache)
{
	struct page *slab = take_pages(load(cache->order));
	if (slab == NULL)
		return NULL;
	uint32_t slot_size = load(cache->slot_size);
	uint32_t count = load(cache->objects_per_slab);
	uintptr_t base = load(slab->address);
	uint32_t next = 0;
	for (uint32_t index = count; index > 0; index--) {
		struct object *object = (struct object *)(base + (uintptr_t)(index - 1) * slot_size);
		store(object->next, next);
		store(object->state, OBJECT_FREE);
		next = link_to(object);
	}
	store(slab->cache, link_to(cache));
	store(slab->free_objects, next);
	store(slab->used_count, 0);
	uint32_t first = load(cache->slabs);
	store(slab->next_slab, first);
	store(slab->previous_slab, 0);
	if (first != 0)
		store(pointer(page, first)->previous_slab, link_to(slab));
	store(cache->slabs, link_to(slab));
	push_partial(cache, slab);
	store(cache->slab_count, load(cache->slab_count) + 1);
	store(cache->empty_count, load(cache->empty_count) + 1);
	return slab;
}

static void shrink(struct cache *cache, struct page *slab)
{
	unlink_partial(cache, slab);
	uint32_t next = load(slab->next_slab);
	uint32_t previous = load(slab->previous_slab);
	if (previous == 0)
		store(cache->slabs, next);
	else
		store(pointer(page, previous)->next_slab, next);
	if (next != 0)
		store(pointer(page, next)->previous_slab, previous);
	store(cache->slab_count, load(cache->slab_count) - 1);
	give_pages(slab);
}

static struct object *allocate_object(struct cache *cache)
{
	acquire(&cache->lock);
	struct page *slab = pointer(page, load(cache->partial));
	if (slab == NULL) {
		slab = grow(cache);
		if (slab == NULL) {
			release(&cache->lock);
			return NULL;
		}
	}
	struct object *object = pointer(object, load(slab->free_objects));
	uint32_t next = load(object->next);
	store(slab->free_objects, next);
	uint32_t used = load(slab->used_count);
	store(slab->used_count, used + 1);
	if (used == 0)
		store(cache->empty_count, load(cache->empty_count) - 1);
	if (next == 0)
		unlink_partial(cache, slab);
	store(object->state, OBJECT_LIVE);
	store(cache->used_count, load(cache->used_count) + 1);
	release(&cache->lock);
	return object;
}

static void free_object(struct cache *cache, struct object *object)
{
	struct page *slab = head_page_of(object);
	acquire(&cache->lock);
	uint32_t first = load(slab->free_objects);
	store(object->next, first);
	store(object->state, OBJECT_FREE);
	store(slab->free_objects, link_to(object));
	uint32_t used = load(slab->used_count) - 1;
	store(slab->used_count, used);
	store(cache->used_count, load(cache->used_count) - 1);
	if (first == 0)
		push_partial(cache, slab);
	if (used == 0) {
		uint32_t empty = load(cache->empty_count);
		if (empty >= EMPTY_SLABS_MAX)
			shrink(cache, slab);
		else
			store(cache->empty_count, empty + 1);
	}
	store(cpu_block->freed_count, load(cpu_block->freed_count) + 1);
	release(&cache->lock);
}

static inline struct cache *cache_of(const struct object *object)
{
	return pointer(cache, load(head_page_of(object)->cache));
}

static void create_cache(struct cache *cache, const struct event *event)
{
	uint32_t object_size = event->a;
	uint32_t pages = (uint32_t)event->b;
	uint32_t order = pages <= 1 ? 0 : 32 - (uint32_t)__builtin_clz(pages - 1);
	uint32_t rounded = (object_size + 7) & ~7u;
	uint32_t slot_size = true_size && rounded > LINE ? rounded : LINE;
	uint32_t fitting = ((uint32_t)PAGE << order) / slot_size;
	store(cache->object_size, object_size);
	store(cache->slot_size, slot_size);
	store(cache->objects_per_slab, true_size && event->object < fitting ? event->object : fitting);
	store(cache->order, order);
	store(cache->lock, 0);
	store(cache->partial, 0);
	store(cache->used_count, 0);
	store(cache->slab_count, 0);
	store(cache->empty_count, 0);
	store(cache->slabs, 0);
	for (int index = 0; index < 16; index++)
		store(cache->variant[index], 0);
	store(cache->exists, 1);
}

static void destroy_cache(struct cache *cache)
{
	acquire(&cache->lock);
	uint32_t left = load(cache->used_count);
	if (left != 0)
		store(cpu_block->left_behind_count, load(cpu_block->left_behind_count) + left);
	struct page *slab = pointer(page, load(cache->slabs));
	while (slab != NULL) {
		struct page *next = pointer(page, load(slab->next_slab));
		give_pages(slab);
		slab = next;
	}
	store(cache->slabs, 0);
	store(cache->partial, 0);
	store(cache->slab_count, 0);
	store(cache->exists, 0);
	release(&cache->lock);
}

// Queues.

static inline void make_empty(struct queue *queue)
{
	store(queue->head, 0);
	store(queue->bytes, 0);
}

static inline uint64_t append(struct queue *queue, struct object *object, uint64_t bytes)
{
	store(object->next, 0);
	if (load(queue->head) == 0)
		store(queue->head, link_to(object));
	else
		store(pointer(object, load(queue->tail))->next, link_to(object));
	store(queue->tail, link_to(object));
	uint64_t sum = load(queue->bytes) + bytes;
	store(queue->bytes, sum);
	return sum;
}

static void move_all(struct queue *from, struct queue *to)
{
	uint32_t first = load(from->head);
	if (first == 0)
		return;
	if (load(to->head) == 0)
		store(to->head, first);
	else
		store(pointer(object, load(to->tail))->next, first);
	store(to->tail, load(from->tail));
	store(to->bytes, load(to->bytes) + load(from->bytes));
	make_empty(from);
}

static void move_cache(struct queue *from, struct queue *to, struct cache *cache)
{
	struct object *object = pointer(object, load(from->head));
	if (object == NULL)
		return;
	make_empty(from);
	while (object != NULL) {
		struct object *next = pointer(object, load(object->next));
		struct cache *owner = cache_of(object);
		append(owner == cache ? to : from, object, load(owner->object_size));
		object = next;
	}
}

static void free_all(struct queue *queue, struct cache *cache)
{
	struct object *object = pointer(object, load(queue->head));
	while (object != NULL) {
		struct object *next = pointer(object, load(object->next));
		free_object(cache == NULL ? cache_of(object) : cache, object);
		object = next;
	}
	make_empty(queue);
}

// SRCU with one CPU: readers, and an expedited grace period that nobody delays.

static inline uint32_t srcu_read_lock(struct srcu *srcu)
{
	uint32_t rank = load(srcu->rank);
	atomic_store(&srcu->entered[rank], load(srcu->entered[rank]) + 1);
	return rank;
}

static inline void srcu_read_unlock(struct srcu *srcu, uint32_t rank)
{
	atomic_store(&srcu->left[rank], load(srcu->left[rank]) + 1);
}

static void raise(cell32 *cell, uint32_t to)
{
	uint32_t seen = load(*cell);
	while ((int32_t)(to - seen) > 0) {
		uint32_t held = compare_exchange(cell, seen, to);
		if (held == seen)
			return;
		seen = held;
	}
}

/* Looks until the rank has no readers. On one CPU it has none. */
static void wait_for_rank(struct srcu *srcu, uint32_t rank)
{
	store(srcu->no_delays, load(srcu->no_delays) + 1);
	for (;;) {
		uint32_t left = load(srcu->left[rank]);
		barrier();
		if (load(srcu->entered[rank]) == left)
			return;
	}
}

static void grace_period(struct srcu *srcu)
{
	uint32_t sequence = load(srcu->sequence);
	store(srcu->beginning, 0);
	store(srcu->no_delays, 0);
	store(srcu->due, 0);
	atomic_store(&srcu->sequence, sequence + 1);
	store(srcu->no_delays, load(srcu->no_delays) + 1);
	wait_for_rank(srcu, load(srcu->rank) ^ 1);
	barrier();
	store(srcu->rank, load(srcu->rank) ^ 1);
	barrier();
	store(srcu->no_delays, 0);
	store(srcu->sequence, load(srcu->sequence) + 1);
	wait_for_rank(srcu, load(srcu->rank) ^ 1);
	uint32_t next = (load(srcu->sequence) | 3) + 1;
	store(srcu->callbacks_due[(next >> 2) & 1], 0);
	store(srcu->last_end, 0);
	raise(&srcu->needed_expedited, next);
	store(srcu->sequence, next);
}

static void synchronize(struct srcu *srcu)
{
	store(srcu->waiting, load(srcu->waiting) + 1);
	barrier();
	uint32_t wanted = (load(srcu->sequence) + 3 + 4) & ~(uint32_t)3;
	raise(&srcu->needed_expedited, wanted);
	raise(&srcu->needed, wanted);
	while ((int32_t)(load(srcu->sequence) - wanted) < 0) {
		if (compare_exchange(&srcu->lock, 0, 1) == 0) {
			grace_period(srcu);
			store(srcu->lock, 0);
		}
	}
	store(srcu->waiting, load(srcu->waiting) - 1);
	barrier();
}

// The quarantine.

static uint64_t total_bytes(void)
{
	return load(problem->machine.ram_bytes) / RAM_FRACTION;
}

static void update_sizes(struct ring *ring)
{
	uint64_t total = total_bytes();
	uint64_t queues = (uint64_t)load(problem->machine.online_count) * CPU_QUEUE_BYTES_MAX;
	store(ring->bytes_max, total < queues ? 0 : total - queues);
	uint64_t batch = 2 * total_bytes() / BATCH_COUNT;
	store(ring->batch_bytes, batch < CPU_QUEUE_BYTES_MAX ? CPU_QUEUE_BYTES_MAX : batch);
}

static void flush(struct ring *ring, struct queue *queue)
{
	uint32_t tail = load(ring->tail);
	struct queue *batch = &problem->batches[tail];
	store(ring->bytes, load(ring->bytes) + load(queue->bytes));
	move_all(queue, batch);
	if (load(batch->bytes) >= load(ring->batch_bytes)) {
		uint32_t next = tail + 1 == BATCH_COUNT ? 0 : tail + 1;
		if (next != load(ring->head))
			store(ring->tail, next);
	}
}

static inline bool put(struct cache *cache, struct object *object)
{
#ifdef FLOOR
	(void)cache;
	(void)object;
	return true;
#else
	struct cpu_part *part = &problem->part;
	if (load(part->offline) != 0)
		return false;
	if (append(&part->queue, object, load(cache->object_size)) > CPU_QUEUE_BYTES_MAX) {
		acquire(&problem->ring.lock);
		flush(&problem->ring, &part->queue);
		release(&problem->ring.lock);
	}
	return true;
#endif
}

static void reduce_above_limit(struct ring *ring)
{
	uint32_t rank = srcu_read_lock(&problem->srcu);
	struct queue *detached = &task_stack->removed;
	make_empty(detached);
	acquire(&ring->lock);
	update_sizes(ring);
	uint64_t bytes = load(ring->bytes);
	if (bytes > load(ring->bytes_max)) {
		uint32_t head = load(ring->head);
		move_all(&problem->batches[head], detached);
		store(ring->bytes, bytes - load(detached->bytes));
		store(ring->head, head + 1 == BATCH_COUNT ? 0 : head + 1);
	}
	release(&ring->lock);
	free_all(detached, NULL);
	srcu_read_unlock(&problem->srcu, rank);
}

static inline void reduce(void)
{
#ifndef FLOOR
	struct ring *ring = &problem->ring;
	if (load(ring->bytes) > load(ring->bytes_max))
		reduce_above_limit(ring);
#endif
}

static void remove_here(void)
{
	struct cpu_part *part = &problem->part;
	if (load(part->offline) == 0) {
		acquire(&part->removed_lock);
		move_cache(&part->queue, &part->removed, pointer(cache, load(task_stack->cache)));
		release(&part->removed_lock);
	}
	atomic_fetch_add(&task_stack->pending, (uint32_t)-1);
}

static void remove_cache(struct cache *cache)
{
#ifdef FLOOR
	(void)cache;
#else
	struct ring *ring = &problem->ring;
	struct queue *removed = &task_stack->removed;
	make_empty(removed);
	store(task_stack->cache, link_to(cache));
	store(task_stack->pending, 1);
	remove_here();
	while (load(task_stack->pending) != 0)
		;
	struct cpu_part *part = &problem->part;
	acquire(&part->removed_lock);
	move_cache(&part->removed, removed, cache);
	release(&part->removed_lock);
	free_all(removed, cache);

	acquire(&ring->lock);
	for (int index = 0; index < BATCH_COUNT; index++) {
		struct queue *batch = &problem->batches[index];
		if (load(batch->head) == 0)
			continue;
		uint64_t before = load(batch->bytes);
		move_cache(batch, removed, cache);
		store(ring->bytes, load(ring->bytes) - before + load(batch->bytes));
		release(&ring->lock);
		acquire(&ring->lock);
	}
	release(&ring->lock);
	free_all(removed, cache);
	synchronize(&problem->srcu);
#endif
}

// The interpreter (`quarantine/harness.ts`).

/* A loop of its own, as in the harness of the Wasm side. Returns the index of the first other event. */
static uint32_t run_frees(uint32_t first, uint32_t end)
{
	uint32_t index = first;
	for (; index < end && events[index].kind == EVENT_FREE; index++) {
		struct event *event = &events[index];
		struct cache *cache = &caches[event->group];
		struct object *object = pointer(object, object_table[event->object]);
		event->a = link_to(object);
		store(object->state, OBJECT_QUARANTINED);
		if (!put(cache, object))
			free_object(cache, object);
	}
	return index;
}

/* `crew.ts`: what a host would look at to see that the CPU gets on. */
static inline void progress(uint32_t position)
{
	store(cpu_block->progress, load(cpu_block->progress) + 1);
	store(cpu_block->position, position);
}

static bool run(uint32_t first, uint32_t end)
{
	uint32_t index = first;
	while (index < end) {
		if (events[index].kind == EVENT_FREE) {
			index = run_frees(index, end);
			continue;
		}
		progress(index);
		struct event *event = &events[index++];
		struct cache *cache = &caches[event->group];
		if (event->kind == EVENT_ALLOCATE) {
			reduce();
			struct object *object = allocate_object(cache);
			if (object == NULL)
				return false;
			object_table[event->object] = link_to(object);
		} else if (event->kind == EVENT_CREATE) {
			create_cache(cache, event);
		} else if (event->kind == EVENT_DESTROY) {
			remove_cache(cache);
			destroy_cache(cache);
		}
	}
	return true;
}

// Frees what the floor forgot. Not timed.
static void settle(uint32_t first, uint32_t end)
{
	for (uint32_t index = first; index < end; index++) {
		if (events[index].kind == EVENT_FREE)
			free_object(&caches[events[index].group], pointer(object, events[index].a));
	}
}

// Commands.

// Maps what the Wasm side has as linear memory at the very same addresses. The kernel's and this program's own
// addresses lie far above, so links are pointers, and no base has to be added.
static bool map_region(uintptr_t end)
{
	const uintptr_t first = 65536;
	void *at = mmap((void *)first, end - first, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
	return at == (void *)first;
}

static uint32_t hash_words(uint32_t hash, const void *first, const void *end)
{
	for (const uint32_t *word = first; word < (const uint32_t *)end; word++)
		hash = (hash ^ *word) * 16777619u;
	return hash;
}

// Of all memory that was ever used, for the comparison with the Wasm side.
static uint32_t memory_hash(void)
{
	uint32_t pages = load(arena->used_pages);
	uint32_t hash = hash_words(2166136261u, cpu_block, page_table + pages);
	return hash_words(hash, (void *)arena_base, (void *)(arena_base + (uintptr_t)pages * PAGE));
}

static uint64_t clock_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static bool start(const char *arguments)
{
	uint32_t blocks, stacks, buffer, objects, descriptors, base, pages, first, end, size, ram_pages;
	if (sscanf(arguments,
		   "%" SCNu32 " %" SCNu32 " %" SCNu32 " %" SCNu32 " %" SCNu32 " %" SCNu32 " %" SCNu32 " %" SCNu32
		   " %" SCNu32 " %" SCNu32 " %" SCNu32,
		   &blocks, &stacks, &buffer, &objects, &descriptors, &base, &pages, &first, &end, &size, &ram_pages) != 11)
		return false;
	if (!map_region(end))
		return false;
	cpu_block = pointer(cpu_block, blocks);
	task_stack = pointer(task_stack, stacks);
	events = pointer(event, buffer);
	object_table = (uint32_t *)(uintptr_t)objects;
	caches = pointer(cache, descriptors);
	problem = pointer(problem, base);
	page_table = pointer(page, pages);
	arena = pointer(arena, pages) - 1;
	arena_base = first;
	arena_end = end;
	true_size = size != 0;
	store(problem->machine.ram_bytes, (uint64_t)ram_pages * 4096);
	store(problem->machine.online_count, 1);
	store(problem->online[0], 1);
#ifndef FLOOR
	update_sizes(&problem->ring);
#endif
	return true;
}

// Reads a chunk of events into the event buffer and returns how many, or -1.
static long load_events(const char *path)
{
	FILE *file = fopen(path, "rb");
	if (file == NULL)
		return -1;
	size_t count = fread(events, sizeof(struct event), 65536, file);
	fclose(file);
	return (long)count;
}

int main(void)
{
	char line[4096];
	while (fgets(line, sizeof line, stdin) != NULL) {
		uint32_t first, end;
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "start ", 6) == 0) {
			puts(start(line + 6) ? "ok" : "cannot map the region");
		} else if (strncmp(line, "load ", 5) == 0) {
			long count = load_events(line + 5);
			if (count < 0)
				puts("cannot read the events");
			else
				printf("ok %ld\n", count);
		} else if (sscanf(line, "run %" SCNu32 " %" SCNu32, &first, &end) == 2) {
			uint64_t begin = clock_ns();
			bool done = run(first, end);
			uint64_t elapsed = clock_ns() - begin;
			if (done)
				printf("ok %" PRIu64 "\n", elapsed);
			else
				puts("arena full");
		} else if (sscanf(line, "settle %" SCNu32 " %" SCNu32, &first, &end) == 2) {
			settle(first, end);
			puts("ok");
		} else if (strcmp(line, "freed") == 0) {
			printf("ok %" PRIu32 "\n", load(cpu_block->freed_count));
		} else if (strcmp(line, "hash") == 0) {
			printf("ok %" PRIu32 "\n", memory_hash());
		} else {
			puts("unknown command");
		}
		fflush(stdout);
	}
	return 0;
}
