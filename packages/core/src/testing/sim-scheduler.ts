/*
 * SimScheduler: virtual time and the order of everything that is not plain computation. Timers and
 * completions of simulated I/O are events; the seed decides which of those due comes next.
 *
 * I1. Nothing happens between events: after each, all promise continuations have run (a real
 *     macrotask passes), so the same seed and program give the same trace.
 * I2. Virtual time only goes forward, and only by `runNext` and `advanceTo`.
 */
import { assert } from "../assert.ts";
import type { Random } from "../env/env.ts";
import { seededRandom } from "../env/random.ts";

/** Events that one `run…` call may deliver before it is taken for an endless loop. */
export const EVENTS_LIMIT = 10_000_000;

/** Something that will happen. `owner` is the process it dies with; undefined for the world. */
export interface SimEvent {
  readonly dueMs: number;
  readonly label: string;
  readonly owner: object | undefined;
}

interface QueuedEvent extends SimEvent {
  readonly tie: number;
  readonly sequence: number;
  readonly run: () => void;
  isCanceled: boolean;
}

/** What to schedule; see `SimEvent`. `delayMs` ≥ 0, fractions allowed. */
export interface SimEventRequest {
  readonly delayMs: number;
  readonly label: string;
  readonly owner: object | undefined;
  readonly run: () => void;
}

/** See the file header. */
export class SimScheduler {
  readonly #ties: Random;
  readonly #heap: QueuedEvent[] = [];
  #nowMs = 0;
  #sequence = 0;
  #deliveredCount = 0;
  #traceHash = 0x811c9dc5;

  constructor(seed: string | number) {
    this.#ties = seededRandom(seed).fork("scheduler");
  }

  /** Virtual ms since the start of the simulation. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Events delivered so far. */
  get deliveredCount(): number {
    return this.#deliveredCount;
  }

  /** Hash over labels and times of all events delivered: equal traces, equal hashes. */
  get traceHash(): number {
    return this.#traceHash >>> 0;
  }

  /** Events to come, soonest first. */
  get pendingEvents(): readonly SimEvent[] {
    return this.#heap.filter((event) => !event.isCanceled).sort(compareEvents);
  }

  /** Registers an event; the function returned cancels it, harmlessly if it is over. */
  schedule(request: SimEventRequest): () => void {
    assert(request.delayMs >= 0, () => `event ${request.label}: delay ${request.delayMs}`);
    const event: QueuedEvent = {
      dueMs: this.#nowMs + request.delayMs,
      tie: this.#ties.next(),
      sequence: this.#sequence++,
      label: request.label,
      owner: request.owner,
      run: request.run,
      isCanceled: false,
    };
    pushHeap(this.#heap, event);
    return () => {
      event.isCanceled = true;
    };
  }

  /** Removes every event of a process, as its death does. */
  cancelOwner(owner: object): void {
    for (const event of this.#heap) if (event.owner === owner) event.isCanceled = true;
  }

  /**
   * Delivers the next event, moving the clock to it, then drains promises; false if none is left.
   */
  async runNext(): Promise<boolean> {
    const event = this.#takeNext(Infinity);
    if (event === undefined) {
      await drainPromises();
      // The continuations may have scheduled something.
      if (this.#peek() === undefined) return false;
      return this.runNext();
    }
    await this.#deliver(event);
    return true;
  }

  /** Delivers everything due up to `timeMs` and sets the clock to it. */
  async advanceTo(timeMs: number): Promise<void> {
    assert(timeMs >= this.#nowMs, () => `advanceTo(${timeMs}) at ${this.#nowMs}`);
    await drainPromises();
    for (let count = 0; ; count++) {
      assert(count < EVENTS_LIMIT, "the simulation does not come to rest");
      const event = this.#takeNext(timeMs);
      if (event === undefined) break;
      await this.#deliver(event);
    }
    this.#nowMs = timeMs;
  }

  /** Delivers events until none is left. */
  async runAll(): Promise<void> {
    for (let count = 0; await this.runNext(); count++) {
      assert(count < EVENTS_LIMIT, "the simulation does not come to rest");
    }
  }

  /**
   * Delivers events until `work` settles; throws what it throws. Fails if nothing is left to do.
   */
  async runUntil<T>(work: Promise<T>): Promise<T> {
    let isSettled = false;
    const settle = (): void => {
      isSettled = true;
    };
    work.then(settle, settle);
    await drainPromises();
    while (!isSettled) {
      const progressed = await this.runNext();
      assert(progressed || isSettled, "the simulation is stuck: work is pending, no event is");
    }
    return work;
  }

  async #deliver(event: QueuedEvent): Promise<void> {
    assert(event.dueMs >= this.#nowMs, "events come in the order of time");
    this.#nowMs = event.dueMs;
    this.#deliveredCount++;
    this.#mix(event);
    event.run();
    await drainPromises();
  }

  #mix(event: QueuedEvent): void {
    const text = `${event.label}@${event.dueMs}`;
    let hash = this.#traceHash;
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    this.#traceHash = hash;
  }

  #peek(): QueuedEvent | undefined {
    for (;;) {
      const event = this.#heap[0];
      if (event === undefined || !event.isCanceled) return event;
      popHeap(this.#heap);
    }
  }

  #takeNext(endMs: number): QueuedEvent | undefined {
    const event = this.#peek();
    if (event === undefined || event.dueMs > endMs) return undefined;
    popHeap(this.#heap);
    return event;
  }
}

/** Lets every promise continuation run that can run now. */
export async function drainPromises(): Promise<void> {
  await new Promise<void>((resolve) => {
    setImmediate(resolve);
  });
}

function compareEvents(a: QueuedEvent, b: QueuedEvent): number {
  return a.dueMs - b.dueMs || a.tie - b.tie || a.sequence - b.sequence;
}

function pushHeap(heap: QueuedEvent[], event: QueuedEvent): void {
  let index = heap.push(event) - 1;
  while (index > 0) {
    const parent = (index - 1) >> 1;
    if (compareEvents(heap[parent], event) <= 0) break;
    heap[index] = heap[parent]!;
    index = parent;
  }
  heap[index] = event;
}

function popHeap(heap: QueuedEvent[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let index = 0;
  for (;;) {
    let child = 2 * index + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && compareEvents(heap[child + 1], heap[child]) < 0) child++;
    if (compareEvents(heap[child], last) >= 0) break;
    heap[index] = heap[child]!;
    index = child;
  }
  heap[index] = last;
}
